/** ChatKit's element is available only from OpenAI's CDN, not as a package. */
export const CHATKIT_SCRIPT = "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js";
export const CHATKIT_ELEMENT = "openai-chatkit";
const LOAD_WITHIN_MS = 3_000;
const BLOCKED = "chatkit-blocked";

let loading: Promise<void> | null = null;

/** Whether the script failed to load earlier in this tab, for example behind a firewall that drops its packets. */
export function chatKitIsBlocked(): boolean {
  return sessionStorage.getItem(BLOCKED) !== null;
}

/**
 * Load ChatKit's script unless its element is already defined; all callers share one attempt. Rejects when the script
 * fails to load or does not define the element in time, and remembers that for the tab, so that later visits do not
 * wait. A script that loads late clears the memory. Without the time limit a blocked script leaves a blank page: ChatKit
 * reports no event for it.
 */
export function loadChatKit(withinMs = LOAD_WITHIN_MS): Promise<void> {
  if (customElements.get(CHATKIT_ELEMENT)) return Promise.resolve();
  loading ??= load(withinMs).catch((error: unknown) => {
    sessionStorage.setItem(BLOCKED, "");
    throw error;
  });
  return loading;
}

/** Forget the attempt, as a reload does. For tests. */
export function forgetAttempt(): void {
  loading = null;
}

function load(withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("ChatKit's script did not load in time")), withinMs);
    void customElements.whenDefined(CHATKIT_ELEMENT).then(() => {
      clearTimeout(late);
      sessionStorage.removeItem(BLOCKED);
      resolve();
    });
    const script = added();
    script.addEventListener("error", () => {
      clearTimeout(late);
      script.remove();
      reject(new Error("ChatKit's script failed to load"));
    });
  });
}

function added(): HTMLScriptElement {
  const script = document.createElement("script");
  script.src = CHATKIT_SCRIPT;
  script.async = true;
  document.head.append(script);
  return script;
}
