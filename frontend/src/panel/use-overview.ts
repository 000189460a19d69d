import { useCallback, useEffect, useRef, useState } from "react";
import type { ApiFetch } from "../api/api-fetch";
import { getJson, RefusedError } from "../api/get-json";
import type { Change, Overview } from "./overview";

export interface OverviewState {
  /** The last figures received, kept while newer ones load or fail to load. */
  overview: Overview | null;
  /** The last request failed. */
  failed: boolean;
  /** The assistant has no overview (404), so the page has no panel. */
  absent: boolean;
  refresh: () => void;
  /** Carry out a change. Resolves with the server's reason if it is refused. */
  change: (wanted: Change) => Promise<string | null>;
}

/**
 * Fetch the user's figures once `ready`, and again on each `refresh`. Only the response to the newest request counts.
 */
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

  const change = useCallback(
    async (wanted: Change): Promise<string | null> => {
      newest.current += 1; // a response that is still on its way has the old figures
      const mine = newest.current;
      const headers = { "content-type": "application/json" };
      const answer = await api(`${apiUrl}/overview`, { method: "POST", headers, body: JSON.stringify(wanted) });
      const body = await answer.json();
      if (!answer.ok) return String(body.message);
      if (mine === newest.current) setState({ overview: body as Overview, failed: false, absent: false });
      return null;
    },
    [api, apiUrl],
  );

  return { ...state, refresh, change };
}
