import { useEffect, useState } from "react";
import type { OpenThread } from "./props";
import type { ChatSession } from "./session";

/** Keeps which conversation is open while the tab lives, and opens it again after a reload, if it still exists. */
export function useKeptThread(session: ChatSession, threadId: string | undefined, openThread: OpenThread): void {
  const [restored, setRestored] = useState(false);
  useEffect(() => {
    const kept = openThread.get();
    if (kept) {
      void session.open(kept).then(() => {
        const { thread, failure } = session.snapshot();
        if (!thread && failure && !failure.retry) session.leave(); // deleted meanwhile, or another user's
        setRestored(true);
      });
    } else setRestored(true);
  }, [session, openThread]);
  useEffect(() => {
    if (restored) openThread.set(threadId ?? null);
  }, [restored, threadId, openThread]);
}
