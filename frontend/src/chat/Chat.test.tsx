import type { ChatKitOptions, CustomApiConfig } from "@openai/chatkit";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { languagePreference } from "../preferences/language";
import { chatProps } from "../testing/chat-props";
import { Chat } from "./Chat";
import { CHATKIT_ELEMENT, loadChatKit } from "./chatkit-script";
import { OfficialChat } from "./OfficialChat";
import { openThread } from "./open-thread";

vi.mock("./chatkit-script", async (original) => ({ ...(await original<object>()), loadChatKit: vi.fn() }));
vi.mock("../../plain-chat/PlainChat", () => ({
  default: ({ greeting }: { greeting: string }) => <p>plain: {greeting}</p>,
}));

/** A stand-in for OpenAI's element that records its options. */
class Element extends HTMLElement {
  static refuses = false;
  options: ChatKitOptions | null = null;
  hasListener = false;
  override addEventListener(...given: Parameters<HTMLElement["addEventListener"]>) {
    super.addEventListener(...given);
    this.hasListener = true;
  }
  setOptions(options: ChatKitOptions) {
    if (Element.refuses) throw new Error("this domain is not registered");
    this.options = options;
  }
  fetch(url: string, init?: RequestInit) {
    const { api } = this.options as { api: CustomApiConfig };
    return api.fetch?.(url, init);
  }
  asksFor(thread_id: string) {
    const body = JSON.stringify({ type: "threads.get_by_id", params: { thread_id } });
    return act(async () => void (await this.fetch("/chatkit", { method: "POST", body })));
  }
  emit(name: string, detail: unknown) {
    act(() => void this.dispatchEvent(new CustomEvent(`chatkit.${name}`, { detail })));
  }
}
customElements.define(CHATKIT_ELEMENT, Element);
const element = () => document.querySelector(CHATKIT_ELEMENT) as Element;
/** React attaches the listeners after it renders the element. */
const listening = () => waitFor(() => expect(element()?.hasListener).toBe(true));

beforeEach(() => {
  languagePreference.set("en");
  sessionStorage.clear();
});

describe("the chat", () => {
  test("is ChatKit's when its script loads", async () => {
    vi.mocked(loadChatKit).mockResolvedValue();
    render(<Chat {...chatProps()} />);

    await waitFor(() => expect(element()?.options?.startScreen?.greeting).toBe("Hello"));
    expect(screen.queryByText(/simplified chat/)).toBeNull();
  });

  test("is the plain one, with a note, when the script is blocked", async () => {
    vi.mocked(loadChatKit).mockRejectedValue(new Error("blocked"));
    render(<Chat {...chatProps()} />);

    expect(await screen.findByText("plain: Hello")).toBeTruthy();
    expect(screen.getByText(/simplified chat/)).toBeTruthy();
    expect(element()).toBeNull();
  });

  test("is the plain one when ChatKit's frame does not load", async () => {
    vi.useFakeTimers();
    vi.mocked(loadChatKit).mockResolvedValue();
    render(<Chat {...chatProps()} />);
    await act(async () => undefined);
    act(() => void vi.advanceTimersByTime(20_000));
    vi.useRealTimers();

    expect(await screen.findByText("plain: Hello")).toBeTruthy();
  });
});

describe("a question", () => {
  const body = (type: string) => JSON.stringify({ type, params: {} });

  test.each([
    ["threads.create", 1],
    ["threads.add_user_message", 1],
    ["threads.retry_after_item", 1],
    ["threads.custom_action", 1],
    ["threads.add_client_tool_output", 0],
    ["threads.list", 0],
  ])("is announced to the panel before it is sent, other requests are not: %s", async (type, times) => {
    vi.mocked(loadChatKit).mockResolvedValue();
    const host = { ...chatProps().host, onTurnStart: vi.fn() };
    render(<Chat {...chatProps({ host, api: async () => Response.json(host.onTurnStart.mock.calls.length) })} />);
    await listening();

    const before = await element().fetch("/chatkit", { method: "POST", body: body(type) });

    expect(await before?.json()).toBe(times);
  });

  test("has a body of text; files and malformed bodies pass", async () => {
    vi.mocked(loadChatKit).mockResolvedValue();
    render(<Chat {...chatProps()} />);
    await listening();

    for (const body of ["{", new FormData(), undefined]) {
      expect((await element().fetch("/chatkit", { method: "POST", body: body as BodyInit }))?.status).toBe(200);
    }
  });
});

describe("the chat is the plain one when ChatKit", () => {
  beforeEach(() => vi.mocked(loadChatKit).mockResolvedValue());

  test("has no domain key", async () => {
    const { config } = chatProps();
    render(<Chat {...chatProps({ config: { ...config, domainKey: "" } })} />);

    expect(await screen.findByText("plain: Hello")).toBeTruthy();
  });

  test("refuses its options", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    Element.refuses = true;
    render(<Chat {...chatProps()} />);

    expect(await screen.findByText("plain: Hello")).toBeTruthy();
    Element.refuses = false;
  });

  test("fails before its first sign of life, but not later", async () => {
    const first = render(<Chat {...chatProps()} />);
    await listening();
    element().emit("ready", undefined);
    element().emit("error", { error: new Error("a request failed") });
    expect(element()).not.toBeNull();
    first.unmount();
    render(<Chat {...chatProps()} />);
    await listening();

    element().emit("error", { error: new Error("domain verification failed") });

    expect(await screen.findByText("plain: Hello")).toBeTruthy();
  });
});

describe("ChatKit's element", () => {
  const props = chatProps();
  const host = { onClientTool: vi.fn(), onEffect: vi.fn(), onTurnEnd: vi.fn() };

  test("passes effects and ends of turns to the host page", () => {
    render(<OfficialChat {...props} host={host} onDead={vi.fn()} />);

    element().emit("effect", { name: "highlight", data: { category: "rent" } });
    element().emit("response.end", undefined);

    expect(host.onEffect).toHaveBeenCalledWith("highlight", { category: "rent" });
    expect(host.onTurnEnd).toHaveBeenCalledOnce();
  });

  test("[page-official] has its title and buttons in the page's header, not in a second one", async () => {
    const toolbar = document.body.appendChild(document.createElement("div"));
    const api = async () => Response.json({ id: "thread-1", title: "Lisbon" });
    const { unmount } = render(<OfficialChat {...props} api={api} toolbar={toolbar} onDead={vi.fn()} />);
    await listening();
    const calls: unknown[] = [];
    for (const name of ["showHistory", "hideHistory", "setThreadId"]) {
      Object.assign(element(), { [name]: async (...given: unknown[]) => void calls.push([name, ...given]) });
    }
    const press = (name: string) => act(async () => within(toolbar).getByRole("button", { name }).click());
    const heading = () => within(toolbar).getByRole("heading").textContent;
    expect(element().options?.header).toEqual({ enabled: false });

    element().emit("thread.change", { threadId: "thread-1" });
    await element().asksFor("thread-1");
    await waitFor(() => expect(heading()).toBe("Lisbon"));
    expect(document.title).toMatch(/^Lisbon · /);
    await press("History");
    element().emit("history.open", undefined);
    expect(heading()).toBe("History");
    await press("History");
    element().emit("history.close", undefined);
    element().emit("history.open", undefined);
    await press("New conversation");

    expect(calls).toEqual([["showHistory"], ["hideHistory"], ["hideHistory"], ["setThreadId", null]]);
    unmount();
    toolbar.remove();
    openThread.set(null);
  });

  test("restores the open thread", () => {
    const first = render(<OfficialChat {...props} onDead={vi.fn()} />);
    expect(element().options?.initialThread).toBeNull();
    element().emit("thread.change", { threadId: "thread-1" });
    first.unmount();
    const second = render(<OfficialChat {...props} onDead={vi.fn()} />);

    expect(element().options?.initialThread).toBe("thread-1");
    element().emit("thread.change", { threadId: null });
    second.unmount();
    expect(openThread.get()).toBeNull();
  });

  test("starts a new thread when the open one is gone", async () => {
    openThread.set("thread-1");
    const api = async () => Response.json({ message: "not found" }, { status: 404 });
    render(<OfficialChat {...props} api={api} onDead={vi.fn()} />);
    const first = element();

    await first.asksFor("thread-2");
    expect(element()).toBe(first);
    expect(openThread.get()).toBe("thread-1");
    await first.asksFor("thread-1");

    expect(element()).not.toBe(first);
    expect(element().options?.initialThread).toBeNull();
    expect(openThread.get()).toBeNull();
  });

  test("ignores that a thread is gone after the user has left it", async () => {
    openThread.set("thread-1");
    const api = async () => Response.json({ message: "not found" }, { status: 404 });
    render(<OfficialChat {...props} api={api} onDead={vi.fn()} />);
    const first = element();
    first.emit("thread.change", { threadId: "thread-2" });

    await first.asksFor("thread-1");

    expect(element()).toBe(first);
    expect(openThread.get()).toBe("thread-2");
  });

  test.each(["ready", "request"])("counts as alive after its first %s", (sign) => {
    vi.useFakeTimers();
    const onDead = vi.fn();
    render(<OfficialChat {...props} onDead={onDead} />);
    if (sign === "ready") element().emit("ready", undefined);
    else void element().fetch("/chatkit");
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();

    expect(onDead).not.toHaveBeenCalled();
  });
});

test("another user does not see the previous user's thread", () => {
  openThread.claim("ada");
  openThread.set("thread-1");
  openThread.claim("ada");
  expect(openThread.get()).toBe("thread-1");

  openThread.claim("bob");

  expect(openThread.get()).toBeNull();
});
