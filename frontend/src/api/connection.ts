/** Waiting for a time, or for the network. Both end when the signal aborts. */

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    if (signal.aborted) done();
    else signal.addEventListener("abort", done);
  });
}

/** Whether a request has a chance: the browser is online, and the page is visible, so that its network is not frozen. */
export function isReachable(): boolean {
  return navigator.onLine !== false && !globalThis.document?.hidden;
}

/** Resolve when the browser is online again and the page visible. */
export function reachable(signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  return new Promise((resolve) => {
    const look = () => {
      if (!signal.aborted && !isReachable()) return;
      over.abort();
      resolve();
    };
    const { signal: ended } = over;
    globalThis.addEventListener?.("online", look, { signal: ended });
    globalThis.document?.addEventListener("visibilitychange", look, { signal: ended });
    signal.addEventListener("abort", look, { signal: ended });
    look();
  });
}
