const KEY = "open-thread";

/** The conversation that is open in this tab, so that a reload shows it again; `signOut` forgets it. */
export const openThread = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set(threadId: string | null): void {
    if (threadId) sessionStorage.setItem(KEY, threadId);
    else sessionStorage.removeItem(KEY);
  },
};
