import type { Words } from "../words/words";

/** What of an error answer is passed on when its body is replaced. */
const KEPT_HEADERS = ["retry-after", "x-request-id", "www-authenticate"];

/** Says that no answer came, with a status that ChatKit.js does not try again. */
export const OFFLINE = 408;

/** An answer as the API gives its refusals: ChatKit shows `message`. */
export function refusal(status: number, message: string, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("content-type", "application/json");
  return new Response(JSON.stringify({ message }), { status, headers: all });
}

/** A request that was not answered: as a status that is not tried again when the browser knows that it is offline. */
export function notAnswered(words: Words): Response {
  return navigator.onLine === false ? refusal(OFFLINE, words.api.offline) : refusal(503, words.api.unreachable);
}

/**
 * Return `response`, or in the place of an error that no person can read (CloudFront's HTML, Lambda's and S3's own) one
 * with a clear `message`. Our API's own refusals are clear: they have a message and a request id.
 */
export async function explained(response: Response, words: Words): Promise<Response> {
  if (response.ok) return response;
  const body = await bodyOf(response);
  const clear = typeof body.message === "string" && typeof body.request_id === "string";
  if (clear && response.status !== 429) return response;
  const message = clear ? String(body.message) : words.api.status(response.status);
  const wait = Number(response.headers.get("retry-after"));
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [[name, value] as [string, string]];
  });
  const full = response.status === 429 && wait > 0 ? `${message} ${words.api.tryAgainIn(wait)}` : message;
  return refusal(response.status, full, headers);
}

async function bodyOf(response: Response): Promise<Record<string, unknown>> {
  try {
    return Object(await response.clone().json()) as Record<string, unknown>;
  } catch {
    return {};
  }
}
