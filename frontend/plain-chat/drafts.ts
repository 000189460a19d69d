import { useCallback, useEffect, useRef, useState } from "react";
import type { Drafts } from "./props";

/**
 * The composer's text, stored under its thread until the server has stored the message, so that a reload, an ended
 * session or another conversation loses nothing.
 *
 * A new conversation gets its thread's id while its first answer is coming: the text then moves along. Every other
 * change of the id shows that thread's own draft.
 */
export function useDraft(drafts: Drafts, threadId: string | undefined, answering: boolean) {
  const [text, show] = useState(() => drafts.get(threadId));
  const shown = useRef({ threadId, text });
  shown.current.text = text;
  const setText = useCallback(
    (change: string | ((now: string) => string)) => {
      const next = typeof change === "string" ? change : change(shown.current.text);
      drafts.set(shown.current.threadId, next);
      show(next);
    },
    [drafts],
  );
  useEffect(() => {
    const { threadId: before, text: now } = shown.current;
    if (before === threadId) return;
    shown.current.threadId = threadId;
    if (before === undefined && answering) {
      drafts.set(undefined, "");
      if (now) drafts.set(threadId, now);
    } else show(drafts.get(threadId));
  }, [drafts, threadId, answering]);

  /** Empty the field, but keep the stored text until the returned function is called: the server has the message. */
  const send = useCallback((): (() => void) => {
    const { threadId: sentFrom, text: sent } = shown.current;
    show("");
    return () => {
      for (const id of [sentFrom, shown.current.threadId]) if (drafts.get(id) === sent) drafts.set(id, "");
    };
  }, [drafts]);
  return { text, setText, send };
}
