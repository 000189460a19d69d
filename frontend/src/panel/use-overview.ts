import { useCallback, useEffect, useRef, useState } from "react";
import type { ApiFetch } from "../api/api-fetch";
import { getJson, RefusedError } from "../api/get-json";
import type { Overview } from "./overview";

export interface OverviewState {
  /** The newest figures there are, also while newer ones are fetched or cannot be had. */
  overview: Overview | null;
  /** What kept the last request from succeeding. */
  failure: string | null;
  /** The assistant has nothing to show: there is no panel. */
  absent: boolean;
  refresh: () => void;
}

/** The user's figures: fetched at first, and again with each `refresh`; the newest request counts. */
export function useOverview(api: ApiFetch, apiUrl: string): OverviewState {
  const [state, setState] = useState<Omit<OverviewState, "refresh">>({ overview: null, failure: null, absent: false });
  const newest = useRef(0);

  const refresh = useCallback(async () => {
    newest.current += 1;
    const mine = newest.current;
    const show = (change: Partial<OverviewState>) => {
      if (mine === newest.current) setState((before) => ({ ...before, ...change }));
    };
    try {
      show({ overview: await getJson<Overview>(api, `${apiUrl}/overview`), failure: null });
    } catch (error) {
      const absent = error instanceof RefusedError && error.status === 404;
      show(absent ? { absent } : { failure: String((error as Error).message) });
    }
  }, [api, apiUrl]);

  useEffect(() => {
    void refresh();
    return () => {
      newest.current += 1;
    };
  }, [refresh]);

  return { ...state, refresh: () => void refresh() };
}
