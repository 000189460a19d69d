const THREAD = "open-thread";
const OWNER = "open-thread-owner";

/** The thread open in this tab, restored after a reload or a new sign-in. */
export const openThread = {
  get: (): string | null => sessionStorage.getItem(THREAD),

  set(threadId: string | null): void {
    if (threadId) sessionStorage.setItem(THREAD, threadId);
    else sessionStorage.removeItem(THREAD);
  },

  /** Forget the thread if another user opened it. */
  claim(userId: string): void {
    if (sessionStorage.getItem(OWNER) !== userId) openThread.set(null);
    sessionStorage.setItem(OWNER, userId);
  },
};
