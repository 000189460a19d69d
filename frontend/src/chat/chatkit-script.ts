/** ChatKit's element is available only from OpenAI's CDN, not as a package. */
export const CHATKIT_SCRIPT = "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js";
export const CHATKIT_ELEMENT = "openai-chatkit";
const LOAD_WITHIN_MS = 10_000;

/**
 * Load ChatKit's script unless its element is already defined. Rejects when the script fails to load or does not define
 * the element in time. Without this check a blocked script leaves a blank page: ChatKit reports no event for it.
 */
export function loadChatKit(withinMs = LOAD_WITHIN_MS): Promise<void> {
  if (customElements.get(CHATKIT_ELEMENT)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("ChatKit's script did not load in time")), withinMs);
    void customElements.whenDefined(CHATKIT_ELEMENT).then(() => {
      clearTimeout(late);
      resolve();
    });
    const script = document.querySelector<HTMLScriptElement>(`script[src="${CHATKIT_SCRIPT}"]`) ?? added();
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
