import { useCallback, useEffect, useRef, useState } from "react";
import { type ChatClient, RequestError } from "./protocol";
import type { SearchHit } from "./wire";
import { words } from "./words";

const PAUSE_MS = 300;
const MAX_QUERY_CHARS = 200;

export interface Searching {
  /** Null until the first response. */
  results: Results | null;
  problem: string | null;
  busy: boolean;
  /** Search now instead of after the pause in typing. Repeats a search that failed. */
  now(): void;
  /** Continue an incomplete search. */
  further(): void;
}

export interface Results {
  hits: SearchHit[];
  /** Continues the search. Null if everything was searched. */
  after: string | null;
  /** Threads searched so far. */
  threads: number;
}

/** Search the user's threads while they type: after a pause, and only for the latest query. */
export function useSearch(client: ChatClient, typed: string): Searching {
  const query = typed.trim().slice(0, MAX_QUERY_CHARS);
  const [results, show] = useState<Results | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController | null>(null);

  const load = useCallback(
    async (before: Results | null) => {
      running.current?.abort();
      const run = new AbortController();
      running.current = run;
      setBusy(true);
      setProblem(null);
      try {
        const page = await client.search(query, before?.after ?? null, run.signal);
        const known = new Set(before?.hits.map(({ thread_id }) => thread_id));
        const hits = [...(before?.hits ?? []), ...page.data.filter(({ thread_id }) => !known.has(thread_id))];
        if (run.signal.aborted) return;
        show({ hits, after: page.complete ? null : page.after, threads: (before?.threads ?? 0) + page.threads });
      } catch (error) {
        if (run.signal.aborted) return;
        setProblem(problemOf(error));
      }
      setBusy(false);
    },
    [client, query],
  );

  useEffect(() => {
    running.current?.abort();
    show(null);
    setProblem(null);
    setBusy(false);
    const timer = setTimeout(() => void load(null), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [load]);
  useEffect(() => () => running.current?.abort(), []);

  return { results, problem, busy, now: () => void load(null), further: () => void load(results) };
}

function problemOf(error: unknown): string {
  if (error instanceof RequestError && error.status === 400) return words().badSearch;
  return error instanceof Error ? error.message : words().didNotWork;
}
