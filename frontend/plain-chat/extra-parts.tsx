import { type ReactNode, useEffect, useState } from "react";
import { RequestError } from "./protocol";
import { words } from "./words";

export type Extras = typeof import("./extras");

let loaded: Extras | null = null;
/**
 * The address of the module after a failure, with a query: some browsers, such as Chromium 153, never request an address
 * again whose import has failed. Null where the error does not name the address, as in Safari: then the same one is tried.
 */
let newAddress: string | null = null;

/** Load the parts that most visits do not use. Raises RequestError; the next call tries again. */
export async function loadExtras(): Promise<Extras> {
  try {
    loaded ??= newAddress ? ((await import(/* @vite-ignore */ newAddress)) as Extras) : await import("./extras");
    return loaded;
  } catch (error) {
    const failed = /https?:[^\s?]+\.js/.exec(String(error))?.[0];
    newAddress = failed ? `${failed}?${Date.now()}` : null;
    throw new RequestError(words().unreachable, 0);
  }
}

/** Load them when the browser has nothing else to do, so that their first use is fast and works offline. */
export function useExtrasSoon(): void {
  useEffect(() => {
    const load = () => void loadExtras().catch(() => undefined);
    if (typeof requestIdleCallback === "function") {
      const waiting = requestIdleCallback(load);
      return () => cancelIdleCallback(waiting);
    }
    const timer = setTimeout(load, 1000); // Safari
    return () => clearTimeout(timer);
  }, []);
}

/** Render with those parts, or a button to try again if they cannot be loaded. */
export function WithExtras({ children }: { children(extras: Extras): ReactNode }) {
  const [extras, setExtras] = useState(loaded);
  const [problem, setProblem] = useState<string | null>(null);
  const [attempt, again] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt loads again
  useEffect(() => {
    if (extras) return;
    setProblem(null);
    loadExtras().then(setExtras, (error: Error) => setProblem(error.message));
  }, [extras, attempt]);
  if (extras) return children(extras);
  if (!problem) return null;
  return (
    <div className="pc-failure" role="alert">
      <p>{problem}</p>
      <button type="button" className="pc-button" onClick={() => again(attempt + 1)}>
        {words().retry}
      </button>
    </div>
  );
}
