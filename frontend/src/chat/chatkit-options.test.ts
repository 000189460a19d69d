import type { CustomApiConfig } from "@openai/chatkit";
import { describe, expect, test, vi } from "vitest";
import { ACCENT } from "../brand";
import { chatProps } from "../testing/chat-props";
import { chatKitOptions } from "./chatkit-options";

const NEW = { threadId: null };

describe("what ChatKit is told", () => {
  test("is the server's offer and the page's words", () => {
    const options = chatKitOptions(chatProps({ theme: "dark" }), { threadId: "thread-1" });

    expect(options).toMatchObject({
      api: { url: "/chatkit", domainKey: "domain-key", uploadStrategy: { type: "two_phase" } },
      locale: "de",
      initialThread: "thread-1",
      theme: { colorScheme: "dark", color: { accent: { primary: ACCENT.dark } } },
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

  test("leaves out what the assistant does not offer", () => {
    const { attachments } = chatProps().composer;
    const composer = { models: [], tools: [], dictation: false, mentions: false, attachments };

    const options = chatKitOptions(chatProps({ composer }), NEW);

    expect(options.entities).toBeUndefined();
    expect(options.composer).not.toHaveProperty("models");
    expect(options.composer).not.toHaveProperty("tools");
    expect(options.composer?.dictation).toEqual({ enabled: false });
  });

  test("sends everything through our fetch", async () => {
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

  test("hands the page's tools to the page", async () => {
    const onClientTool = vi.fn(async () => ({ opened: "budgets" }));
    const props = chatProps();
    const options = chatKitOptions({ ...props, host: { ...props.host, onClientTool } }, NEW);

    expect(await options.onClientTool?.({ name: "open_page", params: { page: "budgets" } })).toEqual({
      opened: "budgets",
    });
    expect(onClientTool).toHaveBeenCalledWith("open_page", { page: "budgets" });
  });
});

test("an action of a card that the page carries out reaches it, as in the plain chat", async () => {
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

  test("is searched at the API, by what was typed", async () => {
    const api = vi.fn(async () => new Response(JSON.stringify(found)));
    const { entities } = chatKitOptions(chatProps({ api }), NEW);

    expect(await entities?.onTagSearch?.("ca&h")).toEqual(found);
    expect(api).toHaveBeenCalledWith("/chatkit/entities?q=ca%26h");
  });

  test("finds nothing when the API refuses", async () => {
    const { entities } = chatKitOptions(chatProps({ api: async () => new Response("{}", { status: 404 }) }), NEW);

    expect(await entities?.onTagSearch?.("c")).toEqual([]);
  });

  test("shows what it is, and tells the page when it is clicked", async () => {
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
