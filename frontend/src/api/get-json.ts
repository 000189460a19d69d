import type { ApiFetch } from "./api-fetch";

/** A request that the API refused; the message is the API's, or ours in the user's language. */
export class RefusedError extends Error {
  override name = "RefusedError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** GET a JSON document of the API. Rejects with RefusedError. */
export async function getJson<T>(api: ApiFetch, url: string): Promise<T> {
  const answer = await api(url);
  const body: unknown = await answer.json();
  if (!answer.ok) throw new RefusedError(answer.status, (body as { message: string }).message);
  return body as T;
}
