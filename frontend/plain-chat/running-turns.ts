/**
 * The user's running turns by thread, as far as this page knows. The server lists all of them with each thread or list
 * of threads (`x-turns-running: thr_a=turn_1, thr_b=turn_2`).
 *
 *     const running = useSyncExternalStore(turns.subscribe, turns.snapshot);
 */
export class RunningTurns {
  private turns: ReadonlyMap<string, string> = new Map();
  private readonly watchers = new Set<() => void>();

  readonly snapshot = (): ReadonlyMap<string, string> => this.turns;

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Take the server's list. A response without the header lists none. */
  listed(header: string | null): void {
    const pairs = (header ?? "").split(",").map((pair) => pair.trim().split("="));
    this.change(new Map(pairs.filter((pair): pair is [string, string] => pair.length === 2)));
  }

  began(threadId: string | undefined, turnId: string | undefined): void {
    if (threadId && turnId && this.turns.get(threadId) !== turnId)
      this.change(new Map(this.turns).set(threadId, turnId));
  }

  ended(turnId: string | undefined): void {
    const others = [...this.turns].filter(([, each]) => each !== turnId);
    if (others.length < this.turns.size) this.change(new Map(others));
  }

  private change(turns: ReadonlyMap<string, string>): void {
    if (turns.size === 0 && this.turns.size === 0) return;
    this.turns = turns;
    for (const watcher of this.watchers) watcher();
  }
}
