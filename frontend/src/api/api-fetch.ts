import type { Words } from "../words/words";
import { explained, notAnswered, refusal } from "./answers";
import { type ApiRequest, authorizedFetch, SessionEndedError, type TokenSource } from "./authorized-fetch";
import { foreignFetch } from "./foreign-fetch";
import { sealed } from "./sealed-body";
import { attachFetch, isTurn, type TurnTransport, turnFetch } from "./turn-fetch";
import { TurnIds } from "./turn-ids";

/** `fetch` for the API and for uploads. Adds the access token, body hash and turn id, and renews the token. */
export type ApiFetch = (url: string, init?: RequestInit) => Promise<Response>;

/** A GET of this path attaches to a turn: its response has what there is so far, and goes on until the turn is over. */
const EVENTS = /\/turns\/([\w-]+)\/events$/;

export interface ApiFetchOptions {
  /** Path of the API on this origin. */
  apiUrl: string;
  tokens: TokenSource;
  words: () => Words;
  turnIds?: TurnIds;
}

/**
 * Return the `fetch` that both chats use. It rejects only when its caller aborts. Every other failure becomes an error
 * response whose JSON body has a `message` in the user's language.
 */
export function createApiFetch({ apiUrl, tokens, words, turnIds = new TurnIds() }: ApiFetchOptions): ApiFetch {
  const here = new URL(location.href);

  async function orExplained(send: () => Promise<Response>, signal: AbortSignal | null | undefined): Promise<Response> {
    try {
      return await explained(await send(), words());
    } catch (error) {
      if (signal?.aborted) throw error;
      return error instanceof SessionEndedError ? refusal(401, words().api.sessionEnded) : notAnswered(words());
    }
  }
  const answered = (request: ApiRequest) => orExplained(() => authorizedFetch(request, tokens), request.init.signal);

  async function cancel(turnId: string): Promise<void> {
    const url = new URL(`${apiUrl}/turns/${turnId}/cancel`, here);
    const body = await sealed(null);
    // With `keepalive` the request outlives the page, but browsers limit the pending ones, so retry without it.
    for (const keepalive of [true, false]) {
      const sent = await authorizedFetch({ url, init: { method: "POST", keepalive }, body }, tokens).catch(() => null);
      if (sent) return;
    }
  }

  const eventsUrl = (turnId: string, after: number | undefined) =>
    new URL(`${apiUrl}/turns/${turnId}/events${after === undefined ? "" : `?after=${after}`}`, here);
  const turns: TurnTransport = {
    answered,
    events: (turnId, after, signal) =>
      answered({ url: eventsUrl(turnId, after), init: { signal: signal ?? null }, body: null }).catch(() =>
        notAnswered(words()),
      ),
    cancel: (turnId) => void cancel(turnId),
    words,
  };

  return async (address, init = {}) => {
    const url = new URL(address, here);
    if (!isApi(url)) return orExplained(() => foreignFetch(url, init), init.signal);
    const body = carriesBody(init) ? await sealed(init.body) : null;
    init.signal?.throwIfAborted();
    const request: ApiRequest = { url, init, body };
    if (body && url.pathname === apiUrl && isTurn(body)) return turnFetch(request, body.hash, turnIds, turns);
    const attached = !body && url.pathname.startsWith(apiUrl) && !url.search && EVENTS.exec(url.pathname)?.[1];
    return attached ? attachFetch(request, attached, turns) : answered(request);
  };

  function isApi(url: URL): boolean {
    return url.origin === here.origin && (url.pathname === apiUrl || url.pathname.startsWith(`${apiUrl}/`));
  }
}

function carriesBody(init: RequestInit): boolean {
  return !["GET", "HEAD"].includes((init.method ?? "GET").toUpperCase());
}
