/** ChatKit's element comes from OpenAI's CDN only; there is no package of it. */
export const CHATKIT_SCRIPT = "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js";
export const CHATKIT_ELEMENT = "openai-chatkit";
const LOAD_WITHIN_MS = 10_000;

/**
 * Load ChatKit's script, unless its element is defined already. Rejects when it is blocked, or when nothing came of it
 * in time: a blocked script leaves the page blank without any event of ChatKit's.
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
