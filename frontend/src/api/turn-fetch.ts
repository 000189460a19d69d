import type { Words } from "../words/words";
import { OFFLINE, refusal } from "./answers";
import type { ApiRequest } from "./authorized-fetch";
import { continued, isEventStream, type Kind, type Over } from "./continued-body";
import type { SealedBody } from "./sealed-body";
import type { TurnIds } from "./turn-ids";

/** ChatKit requests that start a turn: their response is an event stream. */
const TURN_TYPES = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_client_tool_output",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);
const MAX_POSTS = 3;

/** The reason of an abort by which a reader leaves a turn without stopping it. */
export const LEFT = new DOMException("The reader left.", "AbortError");

/** Return whether the body starts a turn. */
export function isTurn(body: SealedBody): boolean {
  try {
    const request = JSON.parse(new TextDecoder().decode(body.bytes)) as { type?: string } | null;
    return TURN_TYPES.has(request?.type ?? "");
  } catch {
    return false; // not JSON: a form with a file, for example
  }
}

export interface TurnTransport {
  /** Send a request. Rejects only when its caller aborts it. */
  answered(request: ApiRequest): Promise<Response>;
  /** Ask for a turn's events from number `after`; undefined: for what there is so far. Never rejects. */
  events(turnId: string, after: number | undefined, signal: AbortSignal | null | undefined): Promise<Response>;
  /** Ask the server to cancel a turn. */
  cancel(turnId: string): void;
  words(): Words;
}

/**
 * Send a turn with its id, and continue its response until the turn is over. Cancels the turn on the server when the
 * caller aborts the request, except by LEFT. A reader that cancels the stream, and a stream that breaks, cancel nothing.
 */
export async function turnFetch(
  request: ApiRequest,
  hash: string,
  ids: TurnIds,
  transport: TurnTransport,
): Promise<Response> {
  let attempt = ids.begin(hash);
  const stop = new Stop(request.init.signal, transport);
  const post = () =>
    transport.answered({ ...request, turnId: attempt.id, onSend: () => stop.watch(attempt.id) }).catch((error) => {
      stop.over();
      throw error;
    });

  let answer = await post();
  for (let posts = 1; !isEventStream(answer); posts++) {
    const refused = answer.status === 409 ? await conflictOf(answer) : {};
    const begun = refused.turnId === attempt.id || refused.repeated || answer.status >= 500;
    if (refused.resend) attempt = ids.begin(hash);
    else if (!begun) break;
    else {
      // The server may have received it, and answers it: that is worth more than an error.
      const events = await transport.events(attempt.id, 0, request.init.signal);
      request.init.signal?.throwIfAborted();
      if (isEventStream(events)) return followed(events, attempt.id, stop, transport, "polled", 0);
      if (events.status !== 404 || answer.status === 409) break;
    }
    if (posts === MAX_POSTS) break;
    answer = await post();
  }
  if (isEventStream(answer)) return followed(answer, attempt.id, stop, transport, "live", 0);
  stop.over();
  if (answer.ok || answer.status >= 500 || answer.status === OFFLINE) attempt.failed();
  // ChatKit.js retries a 5xx, and a 200 that is not an event stream. Only the 5xx can carry a message.
  return answer.ok ? refusal(502, transport.words().api.status(502)) : answer;
}

/** Attach to a running turn: its answer so far and the rest. An abort of the request stops the turn, except by LEFT. */
export async function attachFetch(request: ApiRequest, turnId: string, transport: TurnTransport): Promise<Response> {
  const answer = await transport.answered(request);
  if (!isEventStream(answer)) return answer;
  const stop = new Stop(request.init.signal, transport);
  stop.watch(turnId);
  return followed(answer, turnId, stop, transport, "polled");
}

function followed(
  answer: Response,
  asked: string,
  stop: Stop,
  transport: TurnTransport,
  kind: Kind,
  number?: number,
): Response {
  const turnId = answer.headers.get("x-turn-id") ?? asked;
  stop.watch(turnId);
  const { signal } = stop;
  return continued(
    answer,
    {
      signal,
      ask: (after) => transport.events(turnId, after, signal),
      onOver: (over) => {
        stop.over();
        return lastEvent(over, transport.words());
      },
    },
    kind,
    number,
  );
}

/** Cancels a turn when a signal aborts while the turn runs. */
class Stop {
  private turnId: string | null = null;
  private readonly abort = () => {
    if (this.turnId && this.signal?.reason !== LEFT) this.transport.cancel(this.turnId);
    this.over();
  };

  constructor(
    readonly signal: AbortSignal | null | undefined,
    private readonly transport: TurnTransport,
  ) {}

  watch(turnId: string): void {
    this.turnId = turnId;
    this.signal?.addEventListener("abort", this.abort, { once: true });
  }

  over(): void {
    this.turnId = null;
    this.signal?.removeEventListener("abort", this.abort);
  }
}

interface Conflict {
  /** The turn that occupies the thread. */
  turnId?: unknown;
  /** The server received this turn before. */
  repeated?: boolean;
  /** The turn died before its message was stored. */
  resend?: boolean;
}

async function conflictOf(answer: Response): Promise<Conflict> {
  const body: unknown = await answer
    .clone()
    .json()
    .catch(() => null);
  const fields = Object(body) as Record<string, unknown>;
  return {
    turnId: fields.turn_id,
    repeated: "thread_id" in fields && !("turn_id" in fields),
    resend: fields.resend === true,
  };
}

/** An event for what the server could not say itself. */
function lastEvent(over: Over, { api }: Words): string | undefined {
  if (over !== "dead" && over !== "lost") return undefined;
  const message = over === "dead" ? api.interrupted : api.connectionLost;
  return `data: ${JSON.stringify({ type: "error", code: "custom", message, allow_retry: over === "dead" })}\n\n`;
}
