import { useCallback, useEffect, useState } from "react";
import type { ApiFetch } from "../api/api-fetch";
import { getJson } from "../api/get-json";
import type { ComposerOptions } from "./chat-props";

/** Load the composer options from the server. `composer` is null while loading. */
export function useComposer(
  api: ApiFetch,
  apiUrl: string,
): { composer: ComposerOptions | "failed" | null; retry: () => void } {
  const [composer, setComposer] = useState<ComposerOptions | "failed" | null>(null);
  const load = useCallback(async () => {
    setComposer(null);
    setComposer(await getJson<ComposerOptions>(api, `${apiUrl}/composer`).catch(() => "failed" as const));
  }, [api, apiUrl]);
  useEffect(() => void load(), [load]);
  return { composer, retry: () => void load() };
}
