const THREAD = "open-thread";
const OWNER = "open-thread-owner";

/** The conversation that is open in this tab, so that a reload, or a new sign-in, shows it again. */
export const openThread = {
  get: (): string | null => sessionStorage.getItem(THREAD),

  set(threadId: string | null): void {
    if (threadId) sessionStorage.setItem(THREAD, threadId);
    else sessionStorage.removeItem(THREAD);
  },

  /** Forget a conversation that was another user's. */
  claim(userId: string): void {
    if (sessionStorage.getItem(OWNER) !== userId) openThread.set(null);
    sessionStorage.setItem(OWNER, userId);
  },
};
