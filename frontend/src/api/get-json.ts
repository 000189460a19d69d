import type { ApiFetch } from "./api-fetch";

/** An error response of the API. Its message is meant for the user. */
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
 * GET a JSON document from the API, with two retries after a 429 or 5xx: the function may be busy or starting. Rejects
 * with RefusedError.
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
