import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CHATKIT_ELEMENT, CHATKIT_SCRIPT, chatKitIsBlocked, forgetAttempt, loadChatKit } from "./chatkit-script";

const scripts = () => [...document.head.querySelectorAll("script")];
let defined = Promise.withResolvers<CustomElementConstructor>();

beforeEach(() => {
  forgetAttempt();
  sessionStorage.clear();
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
  test("is loaded from OpenAI's CDN, once for all callers", async () => {
    const both = [loadChatKit(), loadChatKit()];
    expect(scripts().map(({ src }) => src)).toEqual([CHATKIT_SCRIPT]);

    defined.resolve(HTMLElement);

    await Promise.all(both);
  });

  test("rejects when it is blocked, is not asked for again, and is remembered as blocked in this tab", async () => {
    const attempt = loadChatKit();
    scripts()[0]?.dispatchEvent(new Event("error"));

    await expect(attempt).rejects.toThrow("failed to load");
    await expect(loadChatKit()).rejects.toThrow("failed to load");
    expect(scripts()).toEqual([]);
    expect(chatKitIsBlocked()).toBe(true);
  });

  test("that loads late is used by the next visit", async () => {
    vi.useFakeTimers();
    const rejection = expect(loadChatKit()).rejects.toThrow("in time");
    await vi.advanceTimersByTimeAsync(3_000);
    await rejection;
    expect(chatKitIsBlocked()).toBe(true);

    defined.resolve(HTMLElement);
    await vi.advanceTimersByTimeAsync(0);

    expect(chatKitIsBlocked()).toBe(false);
  });

  test("rejects when its element is not defined in time", async () => {
    vi.useFakeTimers();
    const loading = loadChatKit(10_000);
    const rejection = expect(loading).rejects.toThrow("in time");
    await vi.advanceTimersByTimeAsync(10_000);

    await rejection;
  });

  test("is not loaded when its element is already defined", async () => {
    vi.spyOn(customElements, "get").mockImplementation((name) => (name === CHATKIT_ELEMENT ? HTMLElement : undefined));

    await loadChatKit();

    expect(scripts()).toEqual([]);
  });
});
