import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CHATKIT_ELEMENT, CHATKIT_SCRIPT, loadChatKit } from "./chatkit-script";

const scripts = () => [...document.head.querySelectorAll("script")];
let defined = Promise.withResolvers<CustomElementConstructor>();

beforeEach(() => {
  defined = Promise.withResolvers();
  vi.spyOn(customElements, "whenDefined").mockImplementation(() => defined.promise);
  // Keep the script from loading; these tests cover only our own code.
  vi.spyOn(document.head, "append").mockImplementation((...nodes) => {
    for (const node of nodes) (node as HTMLElement).setAttribute("type", "text/plain");
    for (const node of nodes) document.head.appendChild(node as Node);
  });
});

afterEach(() => {
  for (const script of scripts()) script.remove();
  vi.useRealTimers();
});

describe("ChatKit's script", () => {
  test("is loaded from OpenAI's CDN, once for all who ask", async () => {
    const both = [loadChatKit(), loadChatKit()];
    expect(scripts().map(({ src }) => src)).toEqual([CHATKIT_SCRIPT]);

    defined.resolve(HTMLElement);

    await Promise.all(both);
  });

  test("that is blocked is told, and asked for anew the next time", async () => {
    const loading = loadChatKit();
    scripts()[0]?.dispatchEvent(new Event("error"));

    await expect(loading).rejects.toThrow("failed to load");
    expect(scripts()).toEqual([]);
  });

  test("that does nothing is not waited for any longer than the limit", async () => {
    vi.useFakeTimers();
    const loading = loadChatKit(10_000);
    const told = expect(loading).rejects.toThrow("in time");
    await vi.advanceTimersByTimeAsync(10_000);

    await told;
  });

  test("is not needed where its element is known", async () => {
    vi.spyOn(customElements, "get").mockImplementation((name) => (name === CHATKIT_ELEMENT ? HTMLElement : undefined));

    await loadChatKit();

    expect(scripts()).toEqual([]);
  });
});
