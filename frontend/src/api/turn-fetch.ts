import type { Words } from "../words/words";
import { OFFLINE, refusal } from "./answers";
import type { ApiRequest } from "./authorized-fetch";
import type { SealedBody } from "./sealed-body";
import type { TurnIds } from "./turn-ids";
import { watched } from "./watched-body";

/** ChatKit requests that start a turn: their response is an event stream. */
const TURN_TYPES = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_client_tool_output",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);

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
  /** Ask the server to cancel a turn. */
  cancel(turnId: string): void;
  words(): Words;
}

/**
 * Send a turn with its id. Cancels the turn on the server when the caller aborts the request or leaves its stream,
 * because Lambda does not notice that a client has disconnected. A stream that ends or breaks cancels nothing.
 */
export async function turnFetch(
  request: ApiRequest,
  hash: string,
  ids: TurnIds,
  transport: TurnTransport,
): Promise<Response> {
  const attempt = ids.begin(hash);
  const { signal } = request.init;
  let running = false;
  const stop = () => {
    if (running) transport.cancel(attempt.id);
    running = false;
  };
  signal?.addEventListener("abort", stop, { once: true });
  const over = () => signal?.removeEventListener("abort", stop);
  const onSend = () => {
    running = true;
  };

  const answer = await transport.answered({ ...request, turnId: attempt.id, onSend });
  if (isEventStream(answer)) {
    return watched(answer, (ending) => {
      if (ending === "left") stop();
      over();
      return ending === "broken" && !signal?.aborted ? lost(transport.words()) : undefined;
    });
  }
  over();
  if (answer.ok || answer.status >= 500 || answer.status === OFFLINE) attempt.failed();
  // ChatKit.js retries a 5xx, and a 200 that is not an event stream. Only the 5xx can carry a message.
  return answer.ok ? refusal(502, transport.words().api.status(502)) : answer;
}

function isEventStream(response: Response): boolean {
  return response.status === 200 && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
}

/** The last event of a stream whose connection was lost. */
function lost({ api }: Words): string {
  const event = { type: "error", code: "custom", message: api.connectionLost, allow_retry: false };
  return `data: ${JSON.stringify(event)}\n\n`;
}
