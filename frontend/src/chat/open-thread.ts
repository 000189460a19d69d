import { drafts } from "./drafts";

const THREAD = "open-thread";
const OWNER = "open-thread-owner";

/** The thread open in this tab, restored after a reload or a new sign-in. */
export const openThread = {
  get: (): string | null => sessionStorage.getItem(THREAD),

  set(threadId: string | null): void {
    if (threadId) sessionStorage.setItem(THREAD, threadId);
    else sessionStorage.removeItem(THREAD);
  },

  /** Forget the thread and all drafts if they are another user's. */
  claim(userId: string): void {
    if (sessionStorage.getItem(OWNER) !== userId) {
      openThread.set(null);
      drafts.clear();
    }
    sessionStorage.setItem(OWNER, userId);
  },
};
