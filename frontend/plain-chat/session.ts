/**
 * The open thread and the user's actions in it. With `turns.ts` the only place where requests, events and the host page
 * meet.
 *
 *     const now = useSyncExternalStore(session.subscribe, session.snapshot);
 */

import * as conversation from "./conversation";
import { loaded, withPage } from "./loading";
import { openFile } from "./opening";
import { failure, type OutgoingMessage } from "./outgoing";
import { Turns } from "./turns";
import type {
  ActionConfig,
  Answers,
  Attachment,
  Rating,
  ThreadItem,
  UserContent,
  UserMessage,
  WidgetItem,
} from "./wire";

export class ChatSession extends Turns {
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

  /** Update the title of the open thread. */
  renamed(title: string): void {
    if (this.now.thread) this.change({ ...this.now, thread: { ...this.now.thread, title } });
  }
}
