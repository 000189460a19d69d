import { useEffect, useState } from "react";
import type { Conversation } from "./conversation";
import type { OpenThread } from "./props";
import type { ChatSession } from "./session";

/** Keep `openThread` and the session the same: at the start, when the user opens a thread, and on back and forward. */
export function useKeptThread(session: ChatSession, { thread, phase }: Conversation, openThread: OpenThread): void {
  const [restored, setRestored] = useState(false);
  useEffect(() => {
    const show = async (threadId: string | null) => {
      if (!threadId) return session.leave();
      await session.open(threadId);
      const { thread: found, failure } = session.snapshot();
      if (!found && failure && !failure.retry) session.leave(); // deleted, or of another user
    };
    const kept = openThread.get();
    if (kept) void show(kept).then(() => setRestored(true));
    else setRestored(true);
    return openThread.onNavigate?.((threadId) => {
      if (threadId !== (session.snapshot().thread?.id ?? null)) void show(threadId);
    });
  }, [session, openThread]);
  useEffect(() => {
    const opening = phase === "loading" && !thread; // the address already names the thread
    if (restored && !opening) openThread.set(thread?.id ?? null, thread?.title);
  }, [restored, phase, thread, openThread]);
}

/** Load the open thread again when the user comes back to the page, or the network to the user. */
export function useReloads(session: ChatSession): void {
  useEffect(() => {
    const over = new AbortController();
    const { signal } = over;
    const reload = () => document.visibilityState === "visible" && void session.reload();
    document.addEventListener("visibilitychange", reload, { signal });
    for (const event of ["focus", "online"]) addEventListener(event, reload, { signal });
    return () => over.abort();
  }, [session]);
}
