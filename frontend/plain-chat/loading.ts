/** A thread as the server has it now, with the newest part of its items. */
import { type Conversation, opened, withOlder } from "./conversation";
import type { ChatClient } from "./protocol";
import type { Calls, Page } from "./wire";
import { words } from "./words";

const PAGE = 30;
/** Pages that are loaded to reach a message that a search found. */
const MAX_PAGES = 10;

export interface Loaded {
  shown: Conversation;
  /** The turn that runs in the thread. */
  running: string | undefined;
}

/** Load a thread: its end, or further back to the item `target`. Raises RequestError. */
export async function loaded(client: ChatClient, threadId: string, target: string | null = null): Promise<Loaded> {
  const { thread: found, interrupted } = await client.thread(threadId);
  const { items, feedback: ratings = {}, ...thread } = found;
  const failure = interrupted ? { message: words().interrupted, retry: true } : null;
  const running = client.turns.snapshot().get(threadId);
  let shown = opened(thread, items.has_more ? [] : items.data, null);
  for (let pages = 0; items.has_more && pages < (target ? MAX_PAGES : 1) && (pages === 0 || shown.older); pages++) {
    shown = await withPage(client, shown, threadId);
    if (shown.items.some(({ id }) => id === target)) break;
  }
  return { shown: { ...shown, target, ratings, failure }, running };
}

/** Add the page before the oldest item. Raises RequestError. */
export async function withPage(client: ChatClient, shown: Conversation, threadId: string): Promise<Conversation> {
  const params = { thread_id: threadId, limit: PAGE, order: "desc", ...(shown.older && { after: shown.older }) };
  const page = await client.call("items.list", params as Calls["items.list"][0]);
  return withOlder(shown, page.data.toReversed(), cursor(page));
}

function cursor(page: Page<unknown>): string | null {
  return page.has_more ? (page.after ?? null) : null;
}
