/**
 * The open thread and the user's actions in it. The only place where requests, events and the host page meet.
 *
 *     const now = useSyncExternalStore(session.subscribe, session.snapshot);
 */
import * as conversation from "./conversation";
import { type Conversation, UNCONFIRMED } from "./conversation";
import { openFile } from "./opening";
import { Breaks, Pacer } from "./pacing";
import type { HostPage } from "./props";
import { type ChatClient, RequestError } from "./protocol";
import type {
  ActionConfig,
  Answers,
  Attachment,
  Calls,
  Rating,
  StreamingRequest,
  ThreadItem,
  ThreadStreamEvent,
  UserContent,
  UserMessage,
  UserMessageInput,
  WidgetItem,
} from "./wire";
import { words } from "./words";

const PAGE = 30;
/** Pages that are loaded to reach a message that a search found. */
const MAX_PAGES = 10;
/** A client tool's result can lead to another call. After this many calls in one turn, the user decides. */
const MAX_TOOL_CALLS = 8;

export interface OutgoingMessage {
  input: UserMessageInput;
  attachments: Attachment[];
  /** Called once the server has stored the message. */
  onStored?(): void;
}

/** A turn's message, which the chat shows at once, and the items to show again if the server rejects the turn. */
interface Beginning {
  message?: OutgoingMessage | undefined;
  before?: ThreadItem[] | undefined;
}

export class ChatSession {
  private now: Conversation = conversation.empty;
  private readonly watchers = new Set<() => void>();
  private readonly pacer = new Pacer(() => this.notify());
  private running: AbortController | null = null;
  /** Repeats the last request, which may not have reached the server. Null if a retry asks for a new response. */
  private again: (() => Promise<unknown>) | null = null;

  constructor(
    private readonly client: ChatClient,
    private readonly host: () => HostPage,
  ) {}

  readonly snapshot = (): Conversation => this.now;

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Send a message. Returns false if the server rejected it, so that the user can edit it. */
  async send(message: OutgoingMessage): Promise<boolean> {
    const thread = this.now.thread;
    const { input } = message;
    return this.turn(
      thread
        ? { type: "threads.add_user_message", params: { thread_id: thread.id, input } }
        : { type: "threads.create", params: { input } },
      { message },
    );
  }

  /** Retry the last turn: ask for another response, or repeat a request that may not have reached the server. */
  async retry(): Promise<void> {
    if (this.again) await this.again();
    else await this.answerAgain(conversation.lastQuestion(this.now));
  }

  /**
   * Ask for another answer to a message, after giving it new content if there is any. The answer replaces everything
   * after the message, on the server as well. Returns false if the server rejected it, and then nothing has changed.
   */
  async answerAgain(question: UserMessage | undefined, content?: UserContent[]): Promise<boolean> {
    if (!question || this.now.phase !== "idle") return false;
    const before = this.now.items;
    const asked = content ? conversation.withItem(this.now, { ...question, content }) : this.now;
    this.change(conversation.cutAfter(asked, question.id));
    const params = { thread_id: question.thread_id, item_id: question.id };
    return this.turn(
      { type: "threads.retry_after_item", params, ...(content && { metadata: { content } }) },
      { before },
    );
  }

  /** Stop the running turn. The page's `fetch` cancels it on the server when its signal aborts. */
  stop(): void {
    if (this.now.mayStop) this.running?.abort();
  }

  /** Run a widget's action. */
  async act(item: WidgetItem, action: ActionConfig, payload: unknown): Promise<void> {
    if (this.now.phase !== "idle") return;
    if (action.handler === "client") {
      await this.host().onClientTool(action.type, (payload ?? {}) as Record<string, unknown>);
      return;
    }
    const sent = { type: action.type, payload };
    const params = { thread_id: item.thread_id, item_id: item.id, action: sent };
    if (action.streaming !== false) {
      await this.turn({ type: "threads.custom_action", params });
      return;
    }
    await this.work(
      async () => {
        const { updated_item } = await this.client.call("threads.sync_custom_action", params);
        return updated_item ? conversation.withItem(this.now, updated_item) : this.now;
      },
      () => this.act(item, action, payload),
    );
    this.host().onTurnEnd();
  }

  async answer(item: ThreadItem, input: Answers): Promise<void> {
    const params = { thread_id: item.thread_id, item_id: item.id, input };
    await this.turn({ type: "threads.add_structured_input", params });
  }

  /** Save the user's feedback, or withdraw it with null. Raises RequestError, and then shows the former one again. */
  async rate(item: ThreadItem, rating: Rating | null): Promise<void> {
    const before = this.now.ratings[item.id];
    const show = (shown: Rating | null | undefined) => {
      if (this.now.thread?.id === item.thread_id) this.change(conversation.rated(this.now, item.id, shown));
    };
    show(rating);
    const kind = rating?.kind ?? before?.kind ?? "positive";
    const metadata = rating ? rating.reason && { reason: rating.reason } : { withdrawn: true };
    try {
      await this.client.call(
        "items.feedback",
        { thread_id: item.thread_id, item_ids: [item.id], kind },
        metadata || undefined,
      );
    } catch (error) {
      show(before);
      throw error;
    }
  }

  /**
   * Load a thread and show its end, or the item `target` if it is not too far back. A running turn continues on the
   * server, and this page stops showing it.
   */
  async open(threadId: string, target: string | null = null): Promise<void> {
    this.leave();
    await this.work(
      async () => {
        const found = await this.client.call("threads.get_by_id", { thread_id: threadId }, { feedback: true });
        const { items, feedback: ratings = {}, ...thread } = found;
        if (!items.has_more) return { ...conversation.opened(thread, items.data, null), target, ratings };
        let shown = conversation.opened(thread, [], null);
        for (let pages = 0; pages < (target ? MAX_PAGES : 1) && (pages === 0 || shown.older); pages++) {
          const params = {
            thread_id: threadId,
            limit: PAGE,
            order: "desc",
            ...(shown.older && { after: shown.older }),
          };
          const page = await this.client.call("items.list", params as Calls["items.list"][0]);
          shown = conversation.withOlder(shown, page.data.toReversed(), cursor(page));
          if (shown.items.some(({ id }) => id === target)) break;
        }
        return { ...shown, target, ratings };
      },
      () => this.open(threadId, target),
    );
  }

  async loadOlder(): Promise<void> {
    const { thread, older } = this.now;
    if (!thread || !older || this.now.phase !== "idle") return;
    await this.work(
      async () => {
        const params = { thread_id: thread.id, limit: PAGE, order: "desc", after: older } as const;
        const page = await this.client.call("items.list", params);
        return conversation.withOlder(this.now, page.data.toReversed(), cursor(page));
      },
      () => this.loadOlder(),
    );
  }

  /** Return the result of a request that changes nothing; null after showing that it failed. */
  async loaded<T>(request: () => Promise<T>): Promise<T | null> {
    try {
      return await request();
    } catch (error) {
      this.change({ ...this.now, failure: { ...failure(error), retry: false } });
      return null;
    }
  }

  /** Open a file of a message; show the reason if that is not possible. */
  openFile(file: Attachment): Promise<void> {
    return openFile(file, () => this.loaded(() => this.client.fileUrl(file.id)));
  }

  /** Start a new thread. */
  leave(): void {
    this.running = null;
    this.again = null;
    this.change(conversation.empty);
  }

  /** Update the title of the open thread. */
  renamed(title: string): void {
    if (this.now.thread) this.change({ ...this.now, thread: { ...this.now.thread, title } });
  }

  /** Run a turn. `before` are the items to show again if the server rejects it. */
  private async turn(request: StreamingRequest, { message, before }: Beginning = {}): Promise<boolean> {
    if (this.now.phase !== "idle") return false;
    const run = new AbortController();
    this.running = run;
    this.again = () => this.turn(request, { message, before });
    this.change(conversation.began(this.now, message && unconfirmed(message)));
    let accepted = true;
    try {
      await this.follow(request, run, message);
      this.show(run, conversation.ended);
    } catch (error) {
      accepted = await this.fail(error, run, { message, before });
    }
    if (this.running === run) this.running = null;
    this.host().onTurnEnd();
    return accepted;
  }

  /**
   * Read a turn's events. When the turn ends with a client tool call, run the tool and continue with its result. After
   * the user leaves the thread, read on so that the server completes the turn, but run no tools and effects.
   */
  private async follow(request: StreamingRequest, run: AbortController, message?: OutgoingMessage): Promise<void> {
    const breaks = new Breaks();
    let next: StreamingRequest | null = request;
    for (let calls = 0; next && calls < MAX_TOOL_CALLS; calls++) {
      const { requestId, events } = await this.client.stream(next, run.signal);
      let last: ThreadItem | null = null;
      for await (const event of events) {
        this.take(event, run, requestId);
        if (event.type === "thread.item.done") last = event.item;
        if (last?.type === "user_message") message?.onStored?.();
        await breaks.take();
      }
      next = this.running === run ? await this.toolOutput(last) : null;
    }
    if (next) this.pause(next, run);
  }

  /** Wait for the user to continue the turn with this request. */
  private pause(next: StreamingRequest, run: AbortController): void {
    if (this.running !== run) return;
    this.again = () => this.turn(next);
    this.change(conversation.failed(this.now, { message: words().paused, retry: true }));
  }

  private take(event: ThreadStreamEvent, run: AbortController, requestId: string | undefined): void {
    if (event.type === "client_effect" && this.running === run) this.host().onEffect(event.name, event.data ?? {});
    if (this.running === run && event.type.startsWith("thread.item.")) this.again = null;
    if (this.running !== run) return;
    const next = conversation.received(this.now, event);
    this.now = event.type === "error" && next.failure ? { ...next, failure: { ...next.failure, requestId } } : next;
    if (event.type === "thread.item.updated") this.pacer.soon();
    else this.notify();
  }

  private async toolOutput(item: ThreadItem | null): Promise<StreamingRequest | null> {
    if (item?.type !== "client_tool_call" || item.status !== "pending") return null;
    const result = await this.host()
      .onClientTool(item.name, item.arguments)
      .catch((error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }));
    return { type: "threads.add_client_tool_output", params: { thread_id: item.thread_id, result } };
  }

  private async fail(error: unknown, run: AbortController, { message, before }: Beginning): Promise<boolean> {
    if (run.signal.aborted) {
      this.show(run, conversation.stopped);
      return true;
    }
    const repeated = error instanceof RequestError ? error.threadId : undefined;
    if (repeated && this.running === run) {
      await this.open(repeated);
      return true;
    }
    const refused = error instanceof RequestError && error.refused;
    if (refused && this.running === run) this.again = null;
    this.show(run, (now) => {
      if (!refused) return conversation.failed(now, failure(error));
      return conversation.failed(
        { ...conversation.without(now, UNCONFIRMED), ...(before && { items: before }) },
        failure(error),
      );
    });
    return !(refused && (message || before));
  }

  /** Run a request without a stream. Shows its failure in the conversation. */
  private async work(request: () => Promise<Conversation>, again: () => Promise<void>): Promise<void> {
    const run = new AbortController();
    this.running = run;
    this.again = again;
    this.change({ ...this.now, phase: "loading", failure: null });
    try {
      const next = await request();
      this.show(run, () => ({ ...next, phase: "idle" }));
    } catch (error) {
      this.show(run, (now) => conversation.failed(now, failure(error)));
    }
  }

  /** Update the state, unless the user has moved on to another thread. */
  private show(run: AbortController, change: (now: Conversation) => Conversation): void {
    if (this.running === run) this.change(change(this.now));
  }

  private change(next: Conversation): void {
    this.now = next;
    this.notify();
  }

  private notify(): void {
    for (const watcher of this.watchers) watcher();
  }
}

function cursor(page: { has_more: boolean; after?: string }): string | null {
  return page.has_more ? (page.after ?? null) : null;
}

function failure(error: unknown): conversation.Failure {
  if (!(error instanceof RequestError)) return { message: words().lost, retry: true };
  return { message: error.message, requestId: error.requestId, retry: !error.refused };
}

function unconfirmed({ input, attachments }: OutgoingMessage): ThreadItem & { type: "user_message" } {
  const now = new Date().toISOString();
  return { id: UNCONFIRMED, thread_id: "", created_at: now, type: "user_message", content: input.content, attachments };
}
