/**
 * The open thread and the user's actions in it. The only place where requests, events and the host page meet.
 *
 *     const now = useSyncExternalStore(session.subscribe, session.snapshot);
 */
import { type ToolOutput, toolOutput } from "./client-tools";
import * as conversation from "./conversation";
import { type Conversation, UNCONFIRMED } from "./conversation";
import { loaded, withPage } from "./loading";
import { openFile } from "./opening";
import { failure, type OutgoingMessage, unconfirmed, type Waiting } from "./outgoing";
import { Breaks, Pacer } from "./pacing";
import type { HostPage } from "./props";
import { type ChatClient, type EventStream, RequestError } from "./protocol";
import type {
  ActionConfig,
  Answers,
  Attachment,
  Rating,
  StreamingRequest,
  ThreadItem,
  ThreadStreamEvent,
  UserContent,
  UserMessage,
  WidgetItem,
} from "./wire";
import { words } from "./words";

/** A client tool's result can lead to another call. After this many calls in one turn, the user decides. */
const MAX_TOOL_CALLS = 8;
/** Times at which to look for the turn of another reader that has won a client tool, or occupies the thread. */
const LOOKS_MS = [500, 1_000, 2_000, 4_000, 8_000];

/** Opens a stream; null if there is nothing to read. */
type Opener = () => Promise<EventStream | null>;

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
  /** Leaves the running turn if this page has only attached to it. */
  private detach: (() => void) | null = null;
  private waiting: Waiting | null = null;
  /** A turn that the server listed, but does not know any more. */
  private unknown: string | undefined;
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

  /**
   * Send a message, after the running turn if there is one. Returns false if the server rejected it or the user has
   * withdrawn it, so that the user can edit it.
   */
  async send(message: OutgoingMessage): Promise<boolean> {
    if (this.now.phase === "answering") return this.wait(message);
    const thread = this.now.thread;
    const { input } = message;
    return this.turn(
      thread
        ? { type: "threads.add_user_message", params: { thread_id: thread.id, input } }
        : { type: "threads.create", params: { input } },
      { message },
    );
  }

  /** Withdraw the message that waits. */
  withdraw(): void {
    this.waiting?.sent(false);
    this.waiting = null;
    this.change({ ...this.now, waiting: null });
  }

  private wait(message: OutgoingMessage): Promise<boolean> {
    if (this.waiting) return Promise.resolve(false);
    return new Promise((sent) => {
      this.waiting = { message, sent };
      this.change({ ...this.now, waiting: unconfirmed(message) });
    });
  }

  /** Send the message that waits. After a failure it waits on: the retry comes first. */
  private sendWaiting(): void {
    const { waiting, now } = this;
    if (!waiting || now.phase !== "idle" || now.failure) return;
    this.waiting = null;
    this.change({ ...now, waiting: null });
    waiting.sent(this.send(waiting.message));
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
    let running: string | undefined;
    await this.work(
      async () => {
        const found = await loaded(this.client, threadId, target);
        running = found.running;
        return found.shown;
      },
      () => this.open(threadId, target),
    );
    if (running && this.now.thread?.id === threadId) void this.attach(running);
  }

  /**
   * Show what other readers of the open thread have done meanwhile: their messages, and the running turn. A failure
   * disappears if the answer is there.
   */
  async reload(): Promise<void> {
    const { thread } = this.now;
    const isIdle = () => this.now.phase === "idle" && this.now.thread?.id === thread?.id;
    if (!thread || !isIdle() || this.now.items.some(({ id }) => id === UNCONFIRMED)) return;
    const found = await loaded(this.client, thread.id).catch(() => null);
    if (!found || !isIdle()) return;
    const next = conversation.reloaded(this.now, found.shown);
    this.change(found.running ? { ...next, failure: null } : next);
    if (found.running) void this.attach(found.running);
    else this.sendWaiting();
  }

  /** Reload the open thread until it has changed: another reader is about to continue it. */
  private async look(): Promise<void> {
    const { items } = this.now;
    for (const ms of LOOKS_MS) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      if (this.now.items !== items || this.now.phase !== "idle") return;
      await this.reload();
    }
  }

  async loadOlder(): Promise<void> {
    const { thread, older } = this.now;
    if (!thread || !older || this.now.phase !== "idle") return;
    await this.work(
      () => withPage(this.client, this.now, thread.id),
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

  /** Start a new thread. A message that waits stays with its thread as a draft. */
  leave(): void {
    this.running = null;
    this.again = null;
    this.detach?.();
    this.detach = null;
    this.waiting?.sent(true);
    this.waiting = null;
    this.change(conversation.empty);
  }

  /** Update the title of the open thread. */
  renamed(title: string): void {
    if (this.now.thread) this.change({ ...this.now, thread: { ...this.now.thread, title } });
  }

  /** Run a turn. `before` are the items to show again if the server rejects it. */
  private async turn(request: StreamingRequest, beginning: Beginning = {}): Promise<boolean> {
    if (this.now.phase !== "idle") return false;
    const run = new AbortController();
    this.again = () => this.turn(request, beginning);
    return this.run(run, () => this.client.stream(request, run.signal), beginning);
  }

  /** Show a turn that another tab, another device or this page before its reload has started. */
  private async attach(turnId: string): Promise<void> {
    if (this.now.phase !== "idle" || turnId === this.unknown) return;
    const run = new AbortController();
    this.again = null;
    await this.run(run, async () => {
      const stream = await this.client.attach(turnId, run.signal).catch((error: unknown) => {
        if (!(error instanceof RequestError && error.refused)) throw error;
        this.unknown = turnId;
        return null;
      });
      if (this.running === run) this.detach = () => stream?.leave();
      else stream?.leave();
      return stream;
    });
  }

  private async run(run: AbortController, open: Opener, beginning: Beginning = {}): Promise<boolean> {
    const { message } = beginning;
    this.running = run;
    this.change(conversation.began(this.now, message && unconfirmed(message)));
    let accepted: Promise<boolean> | undefined;
    try {
      await this.follow(open, run, message);
      this.show(run, conversation.ended);
    } catch (error) {
      accepted = this.fail(error, run, beginning);
    }
    if (this.running === run) {
      this.running = null;
      this.detach = null;
      if (this.now.failure && !this.again)
        void this.reload(); // the server may have more of the answer
      else this.sendWaiting();
    }
    this.host().onTurnEnd();
    return accepted ?? true;
  }

  /**
   * Read a turn's events. When the turn ends with a client tool call, run the tool and continue with its result. After
   * the user leaves the thread, read on so that the server completes the turn, but run no tools and effects.
   */
  private async follow(first: Opener, run: AbortController, message?: OutgoingMessage): Promise<void> {
    const breaks = new Breaks();
    let stream = await first();
    for (let calls = 1; stream; calls++) {
      const { requestId, turnId, events } = stream;
      if (this.running === run) this.client.turns.began(this.now.thread?.id, turnId);
      let last: ThreadItem | null = null;
      for await (const event of events) {
        this.take(event, run, requestId);
        if (event.type === "thread.created") this.client.turns.began(event.thread.id, turnId);
        if (event.type === "thread.item.done") last = event.item;
        if (last?.type === "user_message") message?.onStored?.();
        await breaks.take();
      }
      if (!stream.left) this.client.turns.ended(turnId);
      if (this.running !== run || last?.type !== "client_tool_call" || last.status !== "pending") return;
      const output = toolOutput(this.client, this.host(), last, turnId);
      this.again = () => this.resume(output); // a failure from here on repeats these steps, not the turn
      if (calls === MAX_TOOL_CALLS && (await output())) return this.pause(run);
      stream = await this.continued(output, run);
    }
  }

  private async resume(output: ToolOutput): Promise<boolean> {
    const run = new AbortController();
    return this.run(run, () => this.continued(output, run));
  }

  /** Send a client tool's output; null if another reader of the turn has run the tool. */
  private async continued(output: ToolOutput, run: AbortController): Promise<EventStream | null> {
    const request = await output();
    if (request && this.running === run) return this.client.stream(request, run.signal);
    if (!request) void this.look();
    return null;
  }

  /** Wait for the user to continue the turn. */
  private pause(run: AbortController): void {
    this.show(run, (now) => conversation.failed(now, { message: words().paused, retry: true }));
  }

  private take(event: ThreadStreamEvent, run: AbortController, requestId: string | undefined): void {
    if (this.running !== run) return;
    if (event.type === "client_effect") this.host().onEffect(event.name, event.data ?? {});
    if (event.type.startsWith("thread.item.")) this.again = null;
    const next = conversation.received(this.now, event);
    this.now = event.type === "error" && next.failure ? { ...next, failure: { ...next.failure, requestId } } : next;
    if (event.type === "thread.item.updated") this.pacer.soon();
    else this.notify();
  }

  private async fail(error: unknown, run: AbortController, { message, before }: Beginning): Promise<boolean> {
    if (run.signal.aborted) {
      this.show(run, conversation.stopped);
      return true;
    }
    const refused = error instanceof RequestError && error.refused ? error : null;
    if (this.running !== run) return !(refused && (message || before));
    if (refused?.threadId) {
      await this.open(refused.threadId);
      return true;
    }
    if (!refused) {
      this.change(conversation.failed(this.now, failure(error)));
      return true;
    }
    this.again = null;
    const items = before ?? conversation.without(this.now, UNCONFIRMED).items;
    this.change(conversation.failed({ ...this.now, items }, failure(error)));
    if (refused.busy === undefined || refused.busy === this.unknown) return !(message || before);
    this.change({ ...this.now, failure: null });
    const sent = message ? this.wait(message) : false;
    this.running = null;
    if (refused.busy) void this.attach(refused.busy);
    else void this.look();
    return sent;
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
