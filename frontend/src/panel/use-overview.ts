import { useCallback, useEffect, useRef, useState } from "react";
import type { ApiFetch } from "../api/api-fetch";
import { getJson, RefusedError } from "../api/get-json";
import type { Overview } from "./overview";

export interface OverviewState {
  /** The newest figures there are, also while newer ones are fetched or cannot be had. */
  overview: Overview | null;
  /** The last request did not succeed. */
  failed: boolean;
  /** The assistant has nothing to show: there is no panel. */
  absent: boolean;
  refresh: () => void;
}

/** The user's figures, fetched as soon as `ready` and again with each `refresh`; the newest request counts. */
export function useOverview(api: ApiFetch, apiUrl: string, ready: boolean): OverviewState {
  const [state, setState] = useState({ overview: null as Overview | null, failed: false, absent: false });
  const newest = useRef(0);

  const refresh = useCallback(async () => {
    newest.current += 1;
    const mine = newest.current;
    const change = await getJson<Overview>(api, `${apiUrl}/overview`).then(
      (overview) => ({ overview, failed: false, absent: false }),
      (error: unknown) =>
        error instanceof RefusedError && error.status === 404 ? { absent: true, failed: false } : { failed: true },
    );
    if (mine === newest.current) setState((before) => ({ ...before, ...change }));
  }, [api, apiUrl]);

  useEffect(() => {
    if (ready) void refresh();
  }, [ready, refresh]);

  return { ...state, refresh };
}
