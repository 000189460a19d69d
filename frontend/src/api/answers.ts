import type { Words } from "../words/words";

/** Headers to keep when the body of an error response is replaced. */
const KEPT_HEADERS = ["retry-after", "x-request-id", "www-authenticate"];

/** Status for a missing response while offline. ChatKit.js does not retry it. */
export const OFFLINE = 408;

/** Build an error response in the format of the API. ChatKit shows `message` to the user. */
export function refusal(status: number, message: string, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("content-type", "application/json");
  return new Response(JSON.stringify({ message }), { status, headers: all });
}

/** Build the response for a request that failed on the network: 408 when offline, which is not retried, else 503. */
export function notAnswered(words: Words): Response {
  return navigator.onLine === false ? refusal(OFFLINE, words.api.offline) : refusal(503, words.api.unreachable);
}

/**
 * Return `response`, or a replacement with a readable `message` for an error of CloudFront, Lambda or S3. The API's own
 * errors, recognized by their message and request id, pass unchanged: their words name the waiting time.
 */
export async function explained(response: Response, words: Words): Promise<Response> {
  if (response.ok) return response;
  const body = await bodyOf(response);
  if (typeof body.message === "string" && typeof body.request_id === "string") return response;
  const message = words.api.status(response.status);
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
