/** ChatKit.js retries a failed turn up to five times. */
const MAX_REPEATS = 5;
/** Longer than ChatKit.js waits between retries, and shorter than a user takes to send the same text again. */
const REPEAT_WITHIN_MS = 20_000;

interface Failure {
  id: string;
  repeats: number;
  at: number;
}

/**
 * Turn ids (`x-turn-id`), by which the server runs each turn only once.
 *
 * A body reuses the id of its last attempt if that attempt *failed* at most 20 seconds ago: with a 5xx, with a 200 that
 * is not an event stream, or without a response; at most five times in a row. Every other body gets a new id, so the
 * same text sent twice is two turns.
 */
export class TurnIds {
  readonly #failures = new Map<string, Failure>();
  readonly #now: () => number;
  readonly #newId: () => string;

  constructor(now = Date.now, newId = () => `turn_${crypto.randomUUID().replaceAll("-", "")}`) {
    this.#now = now;
    this.#newId = newId;
  }

  /** Start an attempt to send the body with this hash. */
  begin(bodyHash: string): Attempt {
    const earlier = this.#failures.get(bodyHash);
    this.#failures.delete(bodyHash);
    this.#forget();
    const again = earlier && earlier.repeats < MAX_REPEATS && this.#isFresh(earlier);
    const id = again ? earlier.id : this.#newId();
    const repeats = again ? earlier.repeats + 1 : 0;
    return { id, failed: () => void this.#failures.set(bodyHash, { id, repeats, at: this.#now() }) };
  }

  #isFresh(failure: Failure): boolean {
    return this.#now() - failure.at <= REPEAT_WITHIN_MS;
  }

  #forget(): void {
    for (const [hash, failure] of this.#failures) if (!this.#isFresh(failure)) this.#failures.delete(hash);
  }
}

/** One attempt to send a turn. Call `failed` when the attempt is known to have failed. */
export interface Attempt {
  id: string;
  failed(): void;
}
