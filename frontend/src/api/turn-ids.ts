/** ChatKit.js posts a failed turn again, up to five times. */
const MAX_REPEATS = 5;
/** Its pauses grow to some seconds; a person who sends the same words again takes longer than the last of them. */
const REPEAT_WITHIN_MS = 20_000;

interface Failure {
  id: string;
  repeats: number;
  at: number;
}

/**
 * Ids of turns (`x-turn-id`), by which the server carries out one turn once.
 *
 * A body gets the id of its last attempt if that attempt *failed*: it was refused with a 5xx, answered by something
 * else than an event stream, or not answered at all, at most 20 seconds ago, and at most five times in a row. In every
 * other case it gets a new one: a second message of the same words is a second turn.
 */
export class TurnIds {
  readonly #failures = new Map<string, Failure>();
  readonly #now: () => number;
  readonly #newId: () => string;

  constructor(now = Date.now, newId = () => `turn_${crypto.randomUUID().replaceAll("-", "")}`) {
    this.#now = now;
    this.#newId = newId;
  }

  /** Begin an attempt to send the body of this hash. */
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

/** One attempt to send a turn; `failed` is called when it is known to have failed. */
export interface Attempt {
  id: string;
  failed(): void;
}
