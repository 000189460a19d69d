import type { CustomApiConfig } from "@openai/chatkit";
import { describe, expect, test, vi } from "vitest";
import { ACCENT } from "#brand";
import { chatProps } from "../testing/chat-props";
import { chatKitOptions } from "./chatkit-options";

const NEW = { threadId: null, open: vi.fn() };

describe("ChatKit's options", () => {
  test("contain the server's composer options and the page's strings", () => {
    const options = chatKitOptions(chatProps({ theme: "dark" }), { ...NEW, threadId: "thread-1" });

    expect(options).toMatchObject({
      api: { url: "/chatkit", domainKey: "domain-key", uploadStrategy: { type: "two_phase" } },
      locale: "de",
      initialThread: "thread-1",
      theme: { colorScheme: "dark", color: { accent: { primary: ACCENT.dark } } },
      thread: { autoScroll: true },
      header: { enabled: false },
      commands: { enabled: true },
      history: { enabled: true, showDelete: true, showRename: true },
      threadItemActions: { feedback: true, retry: true },
      startScreen: { greeting: "Hello", prompts: [{ label: "Balances", icon: "suitcase" }] },
      composer: {
        placeholder: "Ask",
        models: [{ id: "gpt-5.1", label: "GPT-5.1", default: true }],
        tools: [{ id: "balances", label: "Balances", icon: "suitcase", placeholderOverride: "Which?" }],
        dictation: { enabled: true },
        attachments: { enabled: true, maxCount: 10, maxSize: { "image/png": 20_000_000, "*": 50_000_000 } },
      },
      disclaimer: { text: "A demo." },
    });
  });

  test("omit features that the assistant does not offer", () => {
    const { attachments } = chatProps().composer;
    const composer = { models: [], tools: [], dictation: false, mentions: false, attachments };

    const options = chatKitOptions(chatProps({ composer }), NEW);

    expect(options.entities).toBeUndefined();
    expect(options.composer).not.toHaveProperty("models");
    expect(options.composer).not.toHaveProperty("tools");
    expect(options.composer?.dictation).toEqual({ enabled: false });
  });

  test("send every request through the page's fetch", async () => {
    const api = vi.fn(async () => new Response());
    const { fetch } = chatKitOptions(chatProps({ api }), NEW).api as CustomApiConfig;
    const init = { method: "POST" };

    await fetch?.("/chatkit", init);
    await fetch?.(new URL("https://bucket.example/file"), init);

    expect(api.mock.calls).toEqual([
      ["/chatkit", init],
      ["https://bucket.example/file", init],
    ]);
  });

  test("pass client tools to the host page", async () => {
    const onClientTool = vi.fn(async () => ({ opened: "budgets" }));
    const props = chatProps();
    const options = chatKitOptions({ ...props, host: { ...props.host, onClientTool } }, NEW);

    expect(await options.onClientTool?.({ name: "open_page", params: { page: "budgets" } })).toEqual({
      opened: "budgets",
    });
    expect(onClientTool).toHaveBeenCalledWith("open_page", { page: "budgets" });
  });
});

test("a client action of a widget reaches the host page, as in the plain chat", async () => {
  const onClientTool = vi.fn(async () => ({}));
  const props = chatProps();
  const { widgets } = chatKitOptions({ ...props, host: { ...props.host, onClientTool } }, NEW);
  const item = { id: "msg_w", widget: { type: "Card", children: [] } } as never;

  await widgets?.onAction?.({ type: "open_page", payload: { page: "budgets" } }, item);
  await widgets?.onAction?.({ type: "refresh" }, item);

  expect(onClientTool.mock.calls).toEqual([
    ["open_page", { page: "budgets" }],
    ["refresh", {}],
  ]);
});

describe("a mention", () => {
  const found = [{ id: "account:cash", title: "Cash", group: "Accounts", data: { kind: "account", name: "cash" } }];

  test("is searched in the API by the typed text", async () => {
    const api = vi.fn(async () => new Response(JSON.stringify(found)));
    const { entities } = chatKitOptions(chatProps({ api }), NEW);

    expect(await entities?.onTagSearch?.("ca&h")).toEqual(found);
    expect(api).toHaveBeenCalledWith("/chatkit/entities?q=ca%26h");
  });

  test("has no results when the API refuses", async () => {
    const { entities } = chatKitOptions(chatProps({ api: async () => new Response("{}", { status: 404 }) }), NEW);

    expect(await entities?.onTagSearch?.("c")).toEqual([]);
  });

  test("has a preview, and a click on it reaches the host page", async () => {
    const onEffect = vi.fn();
    const props = chatProps();
    const { entities } = chatKitOptions({ ...props, host: { ...props.host, onEffect } }, NEW);
    const [cash] = found as [(typeof found)[0]];

    entities?.onClick?.(cash);
    const { preview } = (await entities?.onRequestPreview?.(cash)) ?? {};

    expect(onEffect).toHaveBeenCalledWith("mention", { kind: "account", name: "cash" });
    expect(preview).toMatchObject({ children: [{ value: "Cash" }, { value: "Accounts" }] });
  });
});

describe("the / menu", () => {
  const run = vi.fn();
  const own = [
    { id: "page:budgets", label: "Budgets", run },
    { id: "page:goals", label: "Goals", run: vi.fn() },
  ];
  const hit = { thread_id: "thr_1", title: "Lisbon", created_at: "2026-11-28", snippet: ["a trip to ", "Lisbon", ""] };

  test("[page-commands] offers the panel's pages and the conversations found, and opens what is chosen", async () => {
    const api = vi.fn(async () => Response.json({ data: [hit, { ...hit, snippet: ["again"] }], complete: true }));
    const open = vi.fn();
    const { commands } = chatKitOptions(chatProps({ api, commands: own }), { ...NEW, open });

    const found = (await commands?.onSearch?.("Bu")) ?? [];

    expect(found.map(({ id }) => id)).toEqual(["page:budgets", "thread:thr_1"]);
    expect(found[1]).toMatchObject({ label: "Lisbon", description: "a trip to Lisbon", group: "Conversations" });
    expect(api).toHaveBeenCalledWith("/chatkit/search?q=Bu");
    for (const command of found) await commands?.onSelect?.(command);
    expect(run).toHaveBeenCalledOnce();
    expect(open).toHaveBeenCalledExactlyOnceWith("thr_1");
  });

  test("asks the server for no single letter, and shows the pages when it fails", async () => {
    const api = vi.fn(async () => Response.json({ message: "no", request_id: "r" }, { status: 503 }));
    const { commands } = chatKitOptions(chatProps({ api, commands: own }), NEW);

    expect(await commands?.onSearch?.("g")).toHaveLength(2);
    expect(api).not.toHaveBeenCalled();
    expect((await commands?.onSearch?.("go"))?.map(({ id }) => id)).toEqual(["page:goals"]);
  });
});

test("a tool is chosen for one message: none is persistent", () => {
  const { composer } = chatKitOptions(chatProps(), NEW);

  expect(composer?.tools?.filter(({ persistent, pinned }) => persistent || pinned)).toEqual([]);
});
