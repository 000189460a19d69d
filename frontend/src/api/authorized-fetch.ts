import type { EndReason } from "../identity/tabs";
import type { SealedBody } from "./sealed-body";

/** `reason` of a 401 that a renewed token does not mend. */
const ENDINGS: Record<string, EndReason> = { signed_out: "everywhere", erased: "erased" };

/** The session has ended, and the user has to sign in again. */
export class SessionEndedError extends Error {
  override name = "SessionEndedError";
}

/** Source of access tokens. `current` and `renewed` reject with SessionEndedError, or with the network error. */
export interface TokenSource {
  current(): Promise<string>;
  /** Return a token other than `refused`. */
  renewed(refused: string): Promise<string>;
  /** Called when the API ends the session, or refuses a renewed token, too. */
  end(reason?: EndReason): void;
}

/** A request to the API. `body` is null for a method without a body. */
export interface ApiRequest {
  url: URL;
  init: RequestInit;
  body: SealedBody | null;
  turnId?: string;
  /** Called immediately before the request is sent. */
  onSend?: () => void;
}

/**
 * Send a request with the user's token. After a 401, renew the token and retry once. Rejects as `fetch` and `tokens`
 * do.
 */
export async function authorizedFetch(request: ApiRequest, tokens: TokenSource): Promise<Response> {
  const token = await tokens.current();
  const answer = await send(request, token);
  if (answer.status !== 401) return answer;
  const ending = await endingOf(answer);
  if (ending) {
    tokens.end(ending);
    return answer;
  }
  const second = await send(request, await tokens.renewed(token));
  if (second.status === 401) tokens.end(await endingOf(second));
  return second;
}

async function endingOf(answer: Response): Promise<EndReason | undefined> {
  const body: unknown = await answer
    .clone()
    .json()
    .catch(() => null);
  return ENDINGS[String((Object(body) as { reason?: unknown }).reason)];
}

function send({ url, init, body, turnId, onSend }: ApiRequest, token: string): Promise<Response> {
  const headers = new Headers(init.headers);
  // CloudFront overwrites `Authorization` with its own signature.
  headers.set("x-auth-token", token);
  if (turnId) headers.set("x-turn-id", turnId);
  if (body) headers.set("x-amz-content-sha256", body.hash);
  if (body?.type && (init.body instanceof FormData || !headers.has("content-type"))) {
    headers.set("content-type", body.type);
  }
  onSend?.();
  // The API never redirects. Following a redirect would send the token to its target.
  return fetch(url, { ...init, headers, body: body?.bytes ?? null, redirect: "error" });
}
