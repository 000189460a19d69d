import { useCallback, useEffect, useState } from "react";
import type { ApiFetch } from "../api/api-fetch";
import { getJson } from "../api/get-json";
import type { Composer } from "./chat-props";

/** What the server lets the composer offer; null while it is awaited. */
export function useComposer(
  api: ApiFetch,
  apiUrl: string,
): { composer: Composer | "failed" | null; retry: () => void } {
  const [composer, setComposer] = useState<Composer | "failed" | null>(null);
  const load = useCallback(async () => {
    setComposer(null);
    setComposer(await getJson<Composer>(api, `${apiUrl}/composer`).catch(() => "failed" as const));
  }, [api, apiUrl]);
  useEffect(() => void load(), [load]);
  return { composer, retry: () => void load() };
}
