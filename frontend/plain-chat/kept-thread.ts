import { useEffect, useState } from "react";
import type { OpenThread } from "./props";
import type { ChatSession } from "./session";

/** Store the id of the open thread, and load that thread when the chat starts, if it still exists. */
export function useKeptThread(session: ChatSession, threadId: string | undefined, openThread: OpenThread): void {
  const [restored, setRestored] = useState(false);
  useEffect(() => {
    const kept = openThread.get();
    if (kept) {
      void session.open(kept).then(() => {
        const { thread, failure } = session.snapshot();
        if (!thread && failure && !failure.retry) session.leave(); // deleted, or of another user
        setRestored(true);
      });
    } else setRestored(true);
  }, [session, openThread]);
  useEffect(() => {
    if (restored) openThread.set(threadId ?? null);
  }, [restored, threadId, openThread]);
}
