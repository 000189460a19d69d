import type { SealedBody } from "./sealed-body";

/** The session is over: only a new sign-in helps. */
export class SessionEndedError extends Error {
  override name = "SessionEndedError";
}

/** Where access tokens come from. Both reject with SessionEndedError, or with what kept them from asking. */
export interface TokenSource {
  current(): Promise<string>;
  /** Return another token than `refused`. */
  renewed(refused: string): Promise<string>;
  /** A fresh token was refused, too. */
  end(): void;
}

/** A request to the API; `body` is null where the method carries none. */
export interface ApiRequest {
  url: URL;
  init: RequestInit;
  body: SealedBody | null;
  turnId?: string;
  /** Called when it leaves. */
  onSend?: () => void;
}

/** Send a request with the user's token; a refused token is renewed once. Rejects as `fetch` and `tokens` do. */
export async function authorizedFetch(request: ApiRequest, tokens: TokenSource): Promise<Response> {
  const token = await tokens.current();
  const answer = await send(request, token);
  if (answer.status !== 401) return answer;
  const second = await send(request, await tokens.renewed(token));
  if (second.status === 401) tokens.end();
  return second;
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
  // A redirect would take the token along, to wherever it leads: the API makes none.
  return fetch(url, { ...init, headers, body: body?.bytes ?? null, redirect: "error" });
}
