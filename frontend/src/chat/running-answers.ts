import type { ApiFetch } from "../api/api-fetch";
import { LEFT } from "../api/turn-fetch";
import { currentWords } from "../preferences/language";

const ATTACH = "turn.attach";
/** The result of a client tool that another reader runs. It does not leave the page. */
const ELSEWHERE = "turn.elsewhere";
const LISTING = new Set(["threads.get_by_id", "threads.list", "items.list"]);
const LEAVE_MS = 250;
const LOOKS_MS = [500, 1_000, 2_000, 4_000, 8_000];
const MAX_WAITS = 5;
const MAX_ATTACHES = 3;

interface Posted {
  type?: string;
  params?: {
    thread_id?: string;
    action?: { type?: string; payload?: { turn_id?: string } };
    result?: { [ELSEWHERE]?: string } | null;
  };
}

/** ChatKit's methods. */
interface Element {
  sendCustomAction(action: { type: string; payload?: Record<string, unknown> }): Promise<void>;
  fetchUpdates(): Promise<void>;
}

/**
 * Running turns in ChatKit's component, which knows only the turns that it has sent itself. This object stands between
 * ChatKit and the page's `fetch`:
 *
 * - A thread that loads while a turn runs in it gets the custom action `turn.attach`. Its request does not leave the page:
 *   the response is the running turn's own stream.
 * - An abort is a stop, unless ChatKit turns to another thread or the page goes away at the same time: then it is a leave,
 *   and the turn goes on.
 * - A message for a thread that another tab occupies waits for the end of that turn.
 * - A client tool runs for the reader that wins its call.
 */
export class RunningAnswers {
  element: Element | null = null;
  private running = new Map<string, string>();
  private interrupted: string | null = null;
  /** How often this page has attached to a turn, or shown that it was interrupted. */
  private readonly shown = new Map<string, number>();
  /** Pending calls by the name of their tool. */
  private readonly calls = new Map<string, { turnId: string; callId: string }>();
  private leftAt = Number.NEGATIVE_INFINITY;
  private readonly leaving = new EventTarget();

  constructor(
    private readonly api: ApiFetch,
    private readonly apiUrl: string,
    private readonly openThread: () => string | null,
    private readonly isAnswering: () => boolean,
  ) {}

  /** ChatKit turns to another thread, or the page goes away. */
  readonly leaves = (): void => {
    this.leftAt = performance.now();
    this.leaving.dispatchEvent(new Event("leave"));
  };

  /** A thread is loaded. */
  readonly loaded = (threadId: string | null): void => {
    const turnId = threadId && this.running.get(threadId);
    if (turnId) this.attach(turnId, MAX_ATTACHES);
    else if (threadId && this.interrupted) this.attach(this.interrupted, 1);
  };

  /** `fetch` for ChatKit. */
  readonly fetch: ApiFetch = async (url, init = {}) => {
    const isProtocol = new URL(url, location.href).pathname === this.apiUrl;
    const { type = "", params = {} } = isProtocol ? postedIn(init.body) : {};
    if (type === "threads.custom_action" && params.action?.type === ATTACH) {
      return this.attached(params.action.payload?.turn_id ?? "", init);
    }
    if (type === "threads.add_client_tool_output" && params.result?.[ELSEWHERE]) {
      void this.look();
      return eventStream("");
    }
    const leavable = { ...init, signal: this.leavable(init.signal) };
    const { answer, waited } = await this.unoccupied(url, leavable);
    if (LISTING.has(type)) this.listed(answer.headers, type === "threads.list" ? null : params.thread_id);
    return this.watched(answer, waited); // after a wait, the answer of the other turn is still missing
  };

  /** Run a client tool if this reader wins its call. */
  async tool(name: string, run: () => Promise<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const call = this.calls.get(name);
    this.calls.delete(name);
    if (!call) return run(); // a server without turn ids, which has one reader for each turn
    const path = `${this.apiUrl}/turns/${call.turnId}/tools/${call.callId}`;
    const { ok } = await this.api(path, { method: "POST" });
    return ok ? run() : { [ELSEWHERE]: call.callId }; // 404, too: another reader may have run it, before its turn expired
  }

  private attach(turnId: string, times: number): void {
    const before = this.shown.get(turnId) ?? 0;
    if (before >= times) return;
    this.shown.set(turnId, before + 1);
    // Rejected while ChatKit loads or answers: it then reads the turn already, or loads the thread again.
    this.element
      ?.sendCustomAction({ type: ATTACH, payload: { turn_id: turnId } })
      .catch(() => this.shown.set(turnId, before));
  }

  private async attached(turnId: string, init: RequestInit): Promise<Response> {
    if (turnId === this.interrupted) return eventStream(errorEvent(currentWords().api.interrupted));
    const signal = this.leavable(init.signal);
    const answer = await this.api(`${this.apiUrl}/turns/${turnId}/events`, { signal });
    if (answer.ok) return this.watched(answer, true);
    void this.element?.fetchUpdates();
    return eventStream(""); // it has ended meanwhile
  }

  private listed(headers: Headers, threadId: string | null | undefined): void {
    const pairs = (headers.get("x-turns-running") ?? "").split(",").map((pair) => pair.trim().split("="));
    this.running = new Map(pairs.filter((pair): pair is [string, string] => pair.length === 2));
    if (threadId && threadId === this.openThread()) this.interrupted = headers.get("x-turn-interrupted");
  }

  /** Send a request, and again after the end of another turn that occupies its thread. */
  private async unoccupied(url: string, init: RequestInit): Promise<{ answer: Response; waited: boolean }> {
    for (let waits = 0; ; waits++) {
      const answer = await this.api(url, init);
      const other = answer.status === 409 && waits < MAX_WAITS ? (await fieldsOf(answer)).turn_id : null;
      if (typeof other !== "string") return { answer, waited: waits > 0 };
      const events = await this.api(`${this.apiUrl}/turns/${other}/events`, {
        signal: init.signal ?? null,
      });
      if (!events.ok) return { answer, waited: waits > 0 };
      await events.text();
    }
  }

  /** Note the pending client tool calls of a stream. Then load the thread again if it `isBehind`, or was cut off. */
  private watched(answer: Response, isBehind: boolean): Response {
    const turnId = answer.headers.get("x-turn-id");
    if (!answer.body || !turnId || !answer.headers.get("content-type")?.startsWith("text/event-stream")) return answer;
    const decoder = new TextDecoder();
    const { calls } = this;
    const { interrupted, connectionLost } = currentWords().api;
    let updates = isBehind;
    const watching = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        // The page's `fetch` passes on whole events.
        for (const line of decoder.decode(chunk).split("\n")) {
          const call = line.includes('"client_tool_call"') ? pendingCall(line) : null;
          updates ||= [interrupted, connectionLost].some((words) => line.includes(JSON.stringify(words)));
          if (call) calls.set(call.name, { turnId, callId: call.id });
        }
        controller.enqueue(chunk);
      },
      flush: () => {
        if (updates) setTimeout(() => void this.element?.fetchUpdates()); // after ChatKit has read the end
      },
    });
    const { status, statusText, headers } = answer;
    return new Response(answer.body.pipeThrough(watching), { status, statusText, headers });
  }

  /** Return a signal that aborts after `signal`: by LEFT for a leave. */
  private leavable(signal: AbortSignal | null | undefined): AbortSignal | null {
    if (!signal) return null;
    const own = new AbortController();
    const abort = async () => own.abort((await this.isLeaving()) ? LEFT : signal.reason);
    if (signal.aborted) own.abort(signal.reason);
    else signal.addEventListener("abort", () => void abort(), { once: true });
    return own.signal;
  }

  private isLeaving(): Promise<boolean> {
    if (performance.now() - this.leftAt <= LEAVE_MS) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), LEAVE_MS);
      const left = () => {
        clearTimeout(timer);
        resolve(true);
      };
      this.leaving.addEventListener("leave", left, { once: true });
    });
  }

  /** Load the open thread until a turn runs in it: another reader is about to continue it. */
  private async look(): Promise<void> {
    const threadId = this.openThread();
    for (const ms of LOOKS_MS) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      if (!threadId || this.openThread() !== threadId || this.running.has(threadId) || this.isAnswering()) return;
      await this.element?.fetchUpdates().catch(() => {});
    }
  }
}

function postedIn(body: BodyInit | null | undefined): Posted {
  try {
    return Object(typeof body === "string" ? JSON.parse(body) : {});
  } catch {
    return {}; // not a request of ChatKit's protocol
  }
}

async function fieldsOf(answer: Response): Promise<Record<string, unknown>> {
  return Object(
    await answer
      .clone()
      .json()
      .catch(() => null),
  );
}

function pendingCall(line: string): { id: string; name: string } | null {
  try {
    const { type, item } = JSON.parse(line.replace(/^data: /, ""));
    const isCall = type === "thread.item.done" && item.type === "client_tool_call" && item.status === "pending";
    return isCall ? item : null;
  } catch {
    return null;
  }
}

function errorEvent(message: string): string {
  return `data: ${JSON.stringify({ type: "error", code: "custom", message, allow_retry: true })}\n\n`;
}

function eventStream(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}
