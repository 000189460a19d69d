import type { ApiFetch } from "./api-fetch";

/** A request that the API refused; the message is for the user. */
export class RefusedError extends Error {
  override name = "RefusedError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const PAUSES_MS = [500, 2_000];

/**
 * GET a JSON document of the API; a function that is busy or just starting (429, 5xx) is asked three times.
 * Rejects with RefusedError.
 */
export async function getJson<T>(api: ApiFetch, url: string, pauses = PAUSES_MS): Promise<T> {
  const answer = await api(url);
  const [pause, ...later] = pauses;
  if (pause !== undefined && (answer.status === 429 || answer.status >= 500)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    return getJson(api, url, later);
  }
  const body: unknown = await answer.json();
  if (!answer.ok) throw new RefusedError(answer.status, (body as { message: string }).message);
  return body as T;
}
