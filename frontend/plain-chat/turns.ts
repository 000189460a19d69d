/**
 * The turns of the open thread: its own, and those of other readers that it shows. Where requests and events meet.
 *
 *     await turns.turn({ type: "threads.create", params }, { message });
 */
import { type ToolOutput, toolOutput } from "./client-tools";
import * as conversation from "./conversation";
import { type Conversation, UNCONFIRMED } from "./conversation";
import { loaded } from "./loading";
import { failure, type OutgoingMessage, unconfirmed, type Waiting } from "./outgoing";
import { Breaks, Pacer } from "./pacing";
import type { HostPage } from "./props";
import { type ChatClient, type EventStream, RequestError } from "./protocol";
import type { StreamingRequest, ThreadItem, ThreadStreamEvent } from "./wire";
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

export abstract class Turns {
  protected now: Conversation = conversation.empty;
  private readonly watchers = new Set<() => void>();
  private readonly pacer = new Pacer(() => this.notify());
  protected running: AbortController | null = null;
  /** Leaves the running turn if this page has only attached to it. */
  protected detach: (() => void) | null = null;
  private waiting: Waiting | null = null;
  /** A turn that the server listed, but does not know any more. */
  private unknown: string | undefined;
  /** Repeats the last request, which may not have reached the server. Null if a retry asks for a new response. */
  protected again: (() => Promise<unknown>) | null = null;

  constructor(
    protected readonly client: ChatClient,
    protected readonly host: () => HostPage,
  ) {}

  readonly snapshot = (): Conversation => this.now;

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Withdraw the message that waits. */
  withdraw(): void {
    this.waiting?.sent(false);
    this.waiting = null;
    this.change({ ...this.now, waiting: null });
  }

  protected wait(message: OutgoingMessage): Promise<boolean> {
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

  /** Stop the running turn. The page's `fetch` cancels it on the server when its signal aborts. */
  stop(): void {
    if (this.now.mayStop) this.running?.abort();
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

  /**
   * Reload the open thread until it has another item at its end: another reader is about to continue it. The turn
   * before may run for another moment, and be shown once more.
   */
  private async look(): Promise<void> {
    const end = () => `${this.now.thread?.id} ${this.now.items.at(-1)?.id}`;
    const before = end();
    for (const ms of LOOKS_MS) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      if (end() !== before) return;
      await this.reload();
    }
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

  /** Run a turn. `before` are the items to show again if the server rejects it. */
  protected async turn(request: StreamingRequest, beginning: Beginning = {}): Promise<boolean> {
    if (this.now.phase !== "idle") return false;
    const run = new AbortController();
    this.again = () => this.turn(request, beginning);
    return this.run(run, () => this.client.stream(request, run.signal), beginning);
  }

  /** Show a turn that another tab, another device or this page before its reload has started. */
  protected async attach(turnId: string): Promise<void> {
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
      if (this.running !== run || last?.type !== "client_tool_call") return;
      if (last.status !== "pending") {
        if (this.now.items.at(-1)?.id === last.id) void this.look(); // another reader was faster
        return;
      }
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
  protected async work(request: () => Promise<Conversation>, again: () => Promise<void>): Promise<void> {
    const run = new AbortController();
    this.running = run;
    this.again = again;
    this.change({ ...this.now, phase: "loading", failure: null });
    try {
      const next = await request();
      if (this.running === run) this.again = null; // a retry asks for another answer from here on
      this.show(run, () => ({ ...next, phase: "idle" }));
    } catch (error) {
      this.show(run, (now) => conversation.failed(now, failure(error)));
    }
  }

  /** Update the state, unless the user has moved on to another thread. */
  protected show(run: AbortController, change: (now: Conversation) => Conversation): void {
    if (this.running === run) this.change(change(this.now));
  }

  protected change(next: Conversation): void {
    this.now = next;
    this.notify();
  }

  private notify(): void {
    for (const watcher of this.watchers) watcher();
  }

  /** Send a message, after the running turn if there is one. */
  abstract send(message: OutgoingMessage): Promise<boolean>;

  abstract open(threadId: string): Promise<void>;
}
