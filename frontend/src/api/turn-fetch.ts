import type { Words } from "../words/words";
import { OFFLINE, refusal } from "./answers";
import type { ApiRequest } from "./authorized-fetch";
import type { SealedBody } from "./sealed-body";
import type { TurnIds } from "./turn-ids";
import { watched } from "./watched-body";

/** The requests of ChatKit's protocol that are answered by a stream: turns. */
const TURN_TYPES = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_client_tool_output",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);

/** Say whether a body begins a turn. */
export function isTurn(body: SealedBody): boolean {
  try {
    const request = JSON.parse(new TextDecoder().decode(body.bytes)) as { type?: string } | null;
    return TURN_TYPES.has(request?.type ?? "");
  } catch {
    return false; // a form with a file, say
  }
}

export interface TurnDoors {
  /** Sends a request; rejects only when its caller has aborted it. */
  answered(request: ApiRequest): Promise<Response>;
  /** Asks the server to stop a turn. */
  cancel(turnId: string): void;
  words(): Words;
}

/**
 * Send a turn under its id. When its caller aborts it, or leaves its stream, the server is told: Lambda never learns
 * that a client has gone. An end of the stream, or its break, tells nothing.
 */
export async function turnFetch(request: ApiRequest, hash: string, ids: TurnIds, doors: TurnDoors): Promise<Response> {
  const attempt = ids.begin(hash);
  const { signal } = request.init;
  let running = false;
  const stop = () => {
    if (running) doors.cancel(attempt.id);
    running = false;
  };
  signal?.addEventListener("abort", stop, { once: true });
  const over = () => signal?.removeEventListener("abort", stop);
  const onSend = () => {
    running = true;
  };

  const answer = await doors.answered({ ...request, turnId: attempt.id, onSend });
  if (isEventStream(answer)) {
    return watched(answer, (ending) => {
      if (ending === "left") stop();
      over();
      return ending === "broken" && !signal?.aborted ? lost(doors.words()) : undefined;
    });
  }
  over();
  if (answer.ok || answer.status >= 500 || answer.status === OFFLINE) attempt.failed();
  // ChatKit.js posts again after a 200 that is no event stream, and after a 5xx; only the latter can say why.
  return answer.ok ? refusal(502, doors.words().api.status(502)) : answer;
}

function isEventStream(response: Response): boolean {
  return response.status === 200 && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
}

/** The event that ends a stream whose connection was lost. */
function lost({ api }: Words): string {
  const event = { type: "error", code: "custom", message: api.connectionLost, allow_retry: false };
  return `data: ${JSON.stringify(event)}\n\n`;
}
