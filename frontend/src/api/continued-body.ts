import { isReachable, pause, reachable } from "./connection";

/**
 * One response for one turn: its body goes on in the bodies of other responses until the server says that the turn is
 * over. Events are numbered from 0. The server marks its bodies with comments, which this module takes out:
 *
 *     : at 7         the next event has the number 7
 *     : more 1000    nothing more now: ask again in so many milliseconds
 *     : end          the turn is over
 *     : dead         the turn's process has died: loading its thread stores what there is of the answer
 *
 * A body that ends without one of the last three was cut, even if it ended without an error.
 */
export interface Continuation {
  /** Ask for the events from number `after`; undefined: for what there is so far. Network errors are responses, too. */
  ask(after: number | undefined): Promise<Response>;
  /** Called once. Returns a last event to pass on. */
  onOver(over: Over): string | undefined;
  /** Aborts when the user stops the turn. */
  signal?: AbortSignal | null | undefined;
  wait?: typeof pause;
}

/**
 * `ended` and `dead` are the server's words. `left`: the reader cancelled the body. `gone`: the first body ended without
 * an error, and the server cannot continue it. `lost`: any other failure.
 */
export type Over = "ended" | "dead" | "left" | "gone" | "lost";

type Mark = { name: "end" | "dead" } | { name: "more"; ms: number };

const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 250;
/** Longer than two of the server's keep-alive comments. */
const SILENCE_MS = 40_000;
/** For the last words of a turn, after which the server does not say how long to wait. */
const LAST_MS = 300;
const DELTA = '"assistant_message.content_part.text_delta"';

/** `live`: a body that arrives while the turn writes it. `polled`: the words of an interval, shown at an even pace. */
export type Kind = "live" | "polled";

/**
 * Continue `first`. `number` is that of its first event; undefined for a body with what there is so far, whose marks
 * number the events that follow.
 */
export function continued(first: Response, from: Continuation, kind: Kind, number?: number): Response {
  const following = new Following(from, number);
  const chunks = following.chunks(first, kind);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await chunks.next();
      if (following.left.aborted) return;
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
    cancel: () => following.leave(),
  });
  const { status, statusText, headers } = first;
  return new Response(body, { status, statusText, headers });
}

class Following {
  private readonly leaving = new AbortController();
  readonly left = this.leaving.signal;
  private readonly over: AbortSignal;
  private readonly wait: typeof pause;
  private reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  private mark: Mark | undefined;
  private broken = false;
  private failures = 0;

  constructor(
    private readonly from: Continuation,
    private number: number | undefined,
  ) {
    this.over = from.signal ? AbortSignal.any([this.left, from.signal]) : this.left;
    this.wait = from.wait ?? pause;
  }

  leave(): void {
    this.leaving.abort();
    this.from.onOver("left");
    void this.reader?.cancel().catch(() => {});
  }

  /** Yield the text of all bodies without their marks, in whole events. Throws when `signal` aborts. */
  async *chunks(first: Response, kind: Kind): AsyncGenerator<string, void> {
    let answer = first;
    for (let live = kind === "live"; ; live = false) {
      this.mark = undefined;
      this.broken = false;
      if (live) for await (const pieces of this.pieces(answer)) yield pieces.join("");
      else yield* this.evenly(answer);
      this.from.signal?.throwIfAborted();
      if (this.left.aborted) return;
      const name = (this.mark as Mark | undefined)?.name; // set meanwhile
      if (name === "end" || name === "dead") return yield* this.last(name === "end" ? "ended" : name);
      const next = await this.next();
      this.from.signal?.throwIfAborted();
      if (this.left.aborted) return;
      if (next === "gone") return yield* this.last(live && !this.broken && !name ? "gone" : "lost");
      if (next === "lost") return yield* this.last(next);
      answer = next;
    }
  }

  /** Yield the complete events and comments of one body, as they arrive. */
  private async *pieces({ body }: Response): AsyncGenerator<string[], void> {
    if (!body) return;
    this.reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    let event = "";
    for (let bytes = await this.read(); bytes; bytes = await this.read()) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      const pieces: string[] = [];
      for (const line of lines) {
        if (line.startsWith(":")) {
          if (!this.isMark(line)) pieces.push(`${line}\n`);
        } else if (line) {
          event += `${line}\n`;
        } else if (event) {
          pieces.push(`${event}\n`);
          event = "";
          if (this.number !== undefined) this.number += 1;
          this.failures = 0;
        }
      }
      if (pieces.length > 0) yield pieces;
    }
  }

  /** Read from the body; undefined at its end, when it breaks, and after a long silence. */
  private async read(): Promise<Uint8Array | undefined> {
    const { reader } = this;
    const silent = setTimeout(() => {
      this.broken = true;
      void reader?.cancel().catch(() => {});
    }, SILENCE_MS);
    try {
      return (await reader?.read())?.value;
    } catch {
      this.broken = true;
      return undefined;
    } finally {
      clearTimeout(silent);
    }
  }

  private isMark(line: string): boolean {
    const [, name, value] = /^: (at|more|end|dead)(?: (\d+))?$/.exec(line) ?? [];
    if (name === "at") this.number = Number(value);
    else if (name === "more") this.mark = { name, ms: Number(value ?? 0) };
    else if (name === "end" || name === "dead") this.mark = { name };
    if (name === "more") this.failures = 0;
    return name !== undefined;
  }

  /** Yield the events of a body, its words evenly over the time until the next one. */
  private async *evenly(answer: Response): AsyncGenerator<string, void> {
    const numbered = this.number !== undefined;
    const all: string[] = [];
    for await (const pieces of this.pieces(answer)) all.push(...pieces);
    const ms = this.mark?.name === "more" ? this.mark.ms : this.mark && LAST_MS;
    const deltas = numbered && ms ? all.filter((piece) => piece.includes(DELTA)).length : 0;
    const begun = performance.now();
    let shown = 0;
    for (const piece of all) {
      yield piece;
      if (!deltas || !piece.includes(DELTA) || !isSmooth()) continue;
      shown += 1;
      const due = begun + (shown / deltas) * (ms ?? 0) - performance.now();
      if (due > 0) await this.wait(due, this.over);
    }
    const left = this.mark?.name === "more" ? begun + this.mark.ms - performance.now() : 0;
    if (left > 0) await this.wait(left, this.over);
  }

  /** Ask until there is another body. Waiting for the network uses up no attempt. */
  private async next(): Promise<Response | "gone" | "lost"> {
    if (!this.mark) this.failures += 1;
    while (this.failures <= ATTEMPTS && !this.over.aborted) {
      if (this.failures > 1) await this.wait(FIRST_PAUSE_MS * 2 ** (this.failures - 2), this.over);
      if (!isReachable()) await reachable(this.over);
      if (this.over.aborted) break;
      const answer = await this.from.ask(this.number);
      if (isEventStream(answer)) return answer;
      if (!isReachable()) continue;
      if (answer.status < 500 && ![408, 429].includes(answer.status)) return "gone";
      this.failures += 1;
      const seconds = Number(answer.headers.get("retry-after"));
      if (answer.status === 429 && seconds > 0) await this.wait(seconds * 1000, this.over);
    }
    return "lost";
  }

  private async *last(over: Over): AsyncGenerator<string, void> {
    const event = this.from.onOver(over);
    if (event) yield event;
  }
}

export function isEventStream(response: Response): boolean {
  return response.status === 200 && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
}

/** Whether words appear one by one. A hidden page has slow timers, and some users want no motion. */
function isSmooth(): boolean {
  return !globalThis.document?.hidden && !globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
}
