import type { Words } from "../words/words";
import { explained, notAnswered, refusal } from "./answers";
import { foreignFetch } from "./foreign-fetch";
import { type SealedBody, sealed } from "./sealed-body";
import { TurnIds } from "./turn-ids";
import { watched } from "./watched-body";

/** `fetch` for this app's API and for uploads: token, body hash, turn id, renewal. ChatKit's `api.fetch` is one. */
export type ApiFetch = (url: string, init?: RequestInit) => Promise<Response>;

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

export interface ApiFetchOptions {
  /** Path of the API on this page's origin. */
  apiUrl: string;
  tokens: TokenSource;
  words: () => Words;
  turns?: TurnIds;
}

interface ApiRequest {
  url: URL;
  init: RequestInit;
  body: SealedBody | null;
}

/** The requests of ChatKit's protocol that are answered by a stream: turns. */
const TURN_TYPES = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_client_tool_output",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);

/** Return the `fetch` that both chats use. It rejects only when its caller aborts; all else is an answer. */
export function createApiFetch({ apiUrl, tokens, words, turns = new TurnIds() }: ApiFetchOptions): ApiFetch {
  async function authorized({ url, init, body }: ApiRequest, headers: Record<string, string> = {}): Promise<Response> {
    const withToken = (token: string) =>
      fetch(url, { ...init, ...dressed(init, body, { ...headers, "x-auth-token": token }) });
    const token = await tokens.current();
    const answer = await withToken(token);
    if (answer.status !== 401) return answer;
    const second = await withToken(await tokens.renewed(token));
    if (second.status === 401) tokens.end();
    return second;
  }

  async function answered(request: ApiRequest, headers?: Record<string, string>): Promise<Response> {
    try {
      return await explained(await authorized(request, headers), words());
    } catch (error) {
      if (request.init.signal?.aborted) throw error;
      if (error instanceof SessionEndedError) return refusal(401, words().api.sessionEnded);
      return notAnswered(words());
    }
  }

  async function turn(request: ApiRequest, hash: string): Promise<Response> {
    const attempt = turns.begin(hash);
    const { signal } = request.init;
    const stop = () => void cancel(attempt.id);
    signal?.addEventListener("abort", stop, { once: true });
    const over = () => signal?.removeEventListener("abort", stop);
    const answer = await answered(request, { "x-turn-id": attempt.id });
    if (isEventStream(answer)) {
      return watched(answer, (ending) => {
        over();
        if (ending === "left") stop();
      });
    }
    over();
    if (answer.status < 500 && !answer.ok) return answer;
    attempt.failed();
    return answer.ok ? refusal(502, words().api.status(502)) : answer;
  }

  async function cancel(turnId: string): Promise<void> {
    const url = new URL(`${apiUrl}/turns/${turnId}/cancel`, location.href);
    const request = { url, init: { method: "POST", keepalive: true }, body: await sealed(null) };
    await answered(request);
  }

  return async (address, init = {}) => {
    const url = new URL(address, location.href);
    if (!isApi(url, apiUrl)) return foreign(url, init, words());
    const body = carriesBody(init) ? await sealed(init.body) : null;
    init.signal?.throwIfAborted();
    const request = { url, init, body };
    return body && url.pathname === apiUrl && isTurn(body) ? turn(request, body.hash) : answered(request);
  };
}

async function foreign(url: URL, init: RequestInit, words: Words): Promise<Response> {
  try {
    return await explained(await foreignFetch(url, init), words);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    return notAnswered(words);
  }
}

function isApi(url: URL, apiUrl: string): boolean {
  return url.origin === location.origin && (url.pathname === apiUrl || url.pathname.startsWith(`${apiUrl}/`));
}

function carriesBody(init: RequestInit): boolean {
  return !["GET", "HEAD"].includes((init.method ?? "GET").toUpperCase());
}

function dressed(init: RequestInit, body: SealedBody | null, ours: Record<string, string>): RequestInit {
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(ours)) headers.set(name, value);
  if (!body) return { headers };
  headers.set("x-amz-content-sha256", body.hash);
  if (body.type && (init.body instanceof FormData || !headers.has("content-type")))
    headers.set("content-type", body.type);
  return { headers, body: body.bytes };
}

function isTurn(body: SealedBody): boolean {
  try {
    const request = JSON.parse(new TextDecoder().decode(body.bytes)) as { type?: string } | null;
    return TURN_TYPES.has(request?.type ?? "");
  } catch {
    return false; // a form with a file, say
  }
}

function isEventStream(response: Response): boolean {
  return response.status === 200 && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
}
