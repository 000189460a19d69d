/**
 * The state of one conversation, and pure functions from one state to the next.
 *
 *     let conversation = began(empty, message);
 *     for await (const event of events) conversation = received(conversation, event);
 *     conversation = ended(conversation);
 */
import { updated } from "./item-update";
import { nameOf } from "./widget-text";
import type { Notice, Rating, Thread, ThreadItem, ThreadMetadata, ThreadStreamEvent, UserMessage } from "./wire";
import { words } from "./words";

export interface Failure {
  message: string;
  requestId?: string | undefined;
  /** Whether a retry can succeed. */
  retry: boolean;
  /** The attachment at fault. */
  fileId?: string | undefined;
}

export interface Conversation {
  thread: ThreadMetadata | null;
  /** Oldest first. */
  items: ThreadItem[];
  /** Cursor for the items before the first one. Null if there are none. */
  older: string | null;
  phase: "idle" | "loading" | "answering";
  /** Whether the server allows stopping the turn. */
  mayStop: boolean;
  /** Ids of the items that are still streaming. */
  unfinished: string[];
  progress: string | null;
  notices: Notice[];
  /** The name of the card that the turn has shown or changed last. */
  changed: string;
  failure: Failure | null;
  /** A message that is sent when the running turn is over. */
  waiting: UserMessage | null;
  /** Id of the item to show instead of the newest one: the message that a search found. */
  target: string | null;
  /** The user's feedback by item. */
  ratings: Record<string, Rating>;
}

export const empty: Conversation = {
  thread: null,
  items: [],
  older: null,
  phase: "idle",
  mayStop: true,
  unfinished: [],
  progress: null,
  notices: [],
  changed: "",
  failure: null,
  waiting: null,
  target: null,
  ratings: {},
};

const atRest = { phase: "idle", progress: null, unfinished: [] } satisfies Partial<Conversation>;

/** Id of a sent message until the server confirms it. */
export const UNCONFIRMED = "unconfirmed";

/** Apply one event of a stream. Unknown events change nothing. */
export function received(now: Conversation, event: ThreadStreamEvent): Conversation {
  switch (event.type) {
    case "thread.created":
    case "thread.updated":
      return { ...now, thread: metadata(event.thread) };
    case "thread.item.added":
      return { ...withItem(now, event.item), unfinished: [...now.unfinished, event.item.id] };
    case "thread.item.done":
    case "thread.item.replaced":
      return {
        ...withItem(now, event.item),
        unfinished: now.unfinished.filter((id) => id !== event.item.id),
        changed: event.item.type === "widget" ? nameOf(event.item.widget) : now.changed,
      };
    case "thread.item.updated": {
      const items = now.items.map((item) => (item.id === event.item_id ? updated(item, event.update) : item));
      return { ...now, items, progress: null };
    }
    case "thread.item.removed":
      return without(now, event.item_id);
    case "stream_options":
      return { ...now, mayStop: event.stream_options.allow_cancel };
    case "progress_update":
      return { ...now, progress: event.text || null };
    case "notice":
      return { ...now, notices: [...now.notices, event] };
    case "error":
      return { ...now, failure: { message: event.message || words().didNotWork, retry: event.allow_retry } };
    default:
      return now;
  }
}

/** Start a turn. Shows `message` until the server confirms it. */
export function began(now: Conversation, message?: UserMessage): Conversation {
  const items = now.items.filter((item) => item.id !== UNCONFIRMED);
  return {
    ...now,
    items: message ? [...items, message] : items,
    phase: "answering",
    mayStop: true,
    unfinished: [],
    progress: null,
    notices: [],
    changed: "",
    failure: null,
    target: null,
  };
}

/** End a turn whose stream has ended. An unfinished message was cut off on the network. */
export function ended(now: Conversation): Conversation {
  const cut = now.items.some((item) => item.type === "assistant_message" && now.unfinished.includes(item.id));
  const failure = now.failure ?? (cut ? { message: words().cutOff, retry: true } : null);
  return { ...now, ...atRest, failure };
}

/** End a turn that the user stopped. Keeps the items received so far and the unconfirmed message. */
export function stopped(now: Conversation): Conversation {
  const items = now.items.map((item) => (item.id === UNCONFIRMED ? { ...item, id: crypto.randomUUID() } : item));
  return { ...now, ...atRest, items };
}

export function failed(now: Conversation, failure: Failure): Conversation {
  return { ...now, ...atRest, failure };
}

/** The state of a thread loaded from the server. `older` as in Conversation. */
export function opened(thread: ThreadMetadata, items: ThreadItem[], older: string | null): Conversation {
  return { ...empty, thread, items, older };
}

/**
 * The conversation after it was loaded again. Keeps the older items, and a failure if nothing has changed since. A turn
 * whose connection was lost may have gone on.
 */
export function reloaded(now: Conversation, { items, older, thread, failure, ratings }: Conversation): Conversation {
  const place = older ? now.items.findIndex(({ id }) => id === items[0]?.id) : 0;
  const all = place > 0 ? [...now.items.slice(0, place), ...items] : items;
  const isSame = textsOf(all) === textsOf(now.items);
  return {
    ...now,
    thread,
    items: isSame ? now.items : all,
    older: place > 0 ? now.older : older,
    failure: failure ?? (isSame ? now.failure : null),
    ratings: { ...now.ratings, ...ratings },
  };
}

/** What tells one state of the items from another: ids, texts and cards, but no URLs, which are new each time. */
function textsOf(items: ThreadItem[]): string {
  return JSON.stringify(
    items.map((item) => [
      item.id,
      item.type === "assistant_message" ? item.content.map(({ text }) => text) : stateOf(item),
    ]),
  );
}

function stateOf(item: ThreadItem): unknown {
  if (item.type === "widget") return item.widget;
  if (item.type === "workflow") return item.workflow;
  if (item.type === "user_message") return item.content;
  return "status" in item && item.status;
}

export function withOlder(now: Conversation, items: ThreadItem[], older: string | null): Conversation {
  const known = new Set(now.items.map((item) => item.id));
  return { ...now, items: [...items.filter((item) => !known.has(item.id)), ...now.items], older };
}

/** The state that `threads.retry_after_item` leaves: without the items after the message. */
export function cutAfter(now: Conversation, itemId: string): Conversation {
  return { ...now, items: now.items.slice(0, now.items.findIndex((item) => item.id === itemId) + 1) };
}

export function without(now: Conversation, itemId: string): Conversation {
  return { ...now, items: now.items.filter((item) => item.id !== itemId) };
}

/** Replace the item with the same id, or append it. The server's user message replaces the unconfirmed one. */
export function withItem(now: Conversation, item: ThreadItem): Conversation {
  const place = now.items.findIndex(
    ({ id, type }) => id === item.id || (id === UNCONFIRMED && item.type === "user_message" && type === item.type),
  );
  const items = place < 0 ? [...now.items, item] : now.items.with(place, item);
  return { ...now, items, progress: null };
}

/** The user's newest confirmed message, from which a turn can be retried. */
export function lastQuestion(now: Conversation): UserMessage | undefined {
  return now.items.findLast((item): item is UserMessage => item.type === "user_message" && item.thread_id !== "");
}

/** The user's message that an item answers. */
export function questionOf(now: Conversation, itemId: string): UserMessage | undefined {
  const place = now.items.findIndex((item) => item.id === itemId);
  return lastQuestion({ ...now, items: now.items.slice(0, Math.max(0, place)) });
}

export function metadata({ items: _, ...thread }: Thread): ThreadMetadata {
  return thread;
}

/** Set or withdraw the feedback on an item. */
export function rated(now: Conversation, itemId: string, rating: Rating | null | undefined): Conversation {
  const { [itemId]: _, ...others } = now.ratings;
  return { ...now, ratings: rating ? { ...others, [itemId]: rating } : others };
}
