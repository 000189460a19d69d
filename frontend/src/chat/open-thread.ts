import { NAME } from "#brand";
import type { OpenThread } from "../../plain-chat/props";
import { drafts } from "./drafts";

const THREAD = "open-thread";
const OWNER = "open-thread-owner";
const LINK = /^#\/c\/(.+)$/;

/**
 * The thread open in this tab. Its address is `#/c/{id}`, so that it can be linked and the browser's back and forward
 * buttons lead from one conversation to the other. The tab also remembers it for a reload without that address, for
 * example after a sign-in.
 */
export const openThread: OpenThread & { claim(userId: string): void } = {
  get: () => linked() ?? sessionStorage.getItem(THREAD),

  set(threadId, title) {
    if (threadId) sessionStorage.setItem(THREAD, threadId);
    else sessionStorage.removeItem(THREAD);
    document.title = title ? `${title} · ${NAME}` : NAME;
    if (threadId === linked()) return;
    const address = threadId ? `#/c/${encodeURIComponent(threadId)}` : location.pathname + location.search;
    // The first address of a visit takes the place of the one without a conversation.
    const replaces = linked() === null && history.state?.thread === undefined;
    history[replaces ? "replaceState" : "pushState"]({ thread: threadId }, "", address);
  },

  onNavigate(listener) {
    const moved = () => listener(linked());
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  },

  /** Forget the thread and all drafts if they are another user's. A link that a new tab opened stays. */
  claim(userId) {
    const owner = sessionStorage.getItem(OWNER);
    if (owner !== null && owner !== userId) {
      openThread.set(null);
      drafts.clear();
    }
    sessionStorage.setItem(OWNER, userId);
  },
};

function linked(): string | null {
  const found = LINK.exec(location.hash)?.[1];
  try {
    return found ? decodeURIComponent(found) : null;
  } catch {
    return null; // not an address of this page
  }
}
