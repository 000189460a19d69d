import type { Drafts } from "../../plain-chat/props";

const PREFIX = "draft:";

/** Unsent messages of this tab, by thread. */
export const drafts: Drafts & { clear(): void } = {
  get: (threadId) => sessionStorage.getItem(PREFIX + (threadId ?? "")) ?? "",

  set(threadId, text) {
    if (text) sessionStorage.setItem(PREFIX + (threadId ?? ""), text);
    else sessionStorage.removeItem(PREFIX + (threadId ?? ""));
  },

  clear() {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  },
};
