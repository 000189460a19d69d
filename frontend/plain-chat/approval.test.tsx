import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import PlainChat from "./PlainChat";
import { card, thread } from "./testing/events";
import { FakeServer } from "./testing/fake-server";
import { memoryDrafts, memoryThread, plainChatProps } from "./testing/props";
import type { WidgetNode } from "./wire";

const QUESTION = { type: "Text", value: "Move $200?" };
const payload = { id: "apr_1", digest: "d" };
const button = (label: string, type: string) => ({ type: "Button", label, onClickAction: { type, payload } });

function asking(details: boolean): WidgetNode {
  const buttons = [button("Approve", "approval.approve"), { type: "Button", label: "Deny", submit: true }];
  const form = {
    type: "Form",
    id: "decision",
    onSubmitAction: { type: "approval.deny", payload },
    children: [
      { type: "Label", value: "Reason", fieldName: "reason" },
      { type: "Input", name: "reason" },
      { type: "Row", children: details ? buttons : [...buttons, button("Details", "approval.details")] },
    ],
  };
  const more = details ? [{ type: "Text", value: 'transfer {"dollars":200}' }] : [];
  const title = { type: "Title", value: "Your approval is needed" };
  return { type: "Card", children: [title, QUESTION, ...more, form] } as never;
}

const decided: WidgetNode = {
  type: "Card",
  children: [{ type: "Title", value: "Denied; nothing was done" }, QUESTION],
} as never;

it("is named, keeps the focus and what was typed, and announces its state", async () => {
  const openThread = memoryThread();
  openThread.set("thr_1");
  const server = new FakeServer();
  const host = { onClientTool: vi.fn(), onEffect: vi.fn(), onTurnEnd: vi.fn() };
  server.answers("threads.get_by_id", { ...thread, items: { data: [card(asking(false))], has_more: false } });
  const user = userEvent.setup();
  const props = plainChatProps({ api: server.api, host: host as never, openThread, drafts: memoryDrafts() });
  render(<PlainChat {...props} />);
  const waiting = await screen.findByRole("group", { name: "Your approval is needed: Move $200?" });
  const reason = () => within(waiting).getByRole("textbox", { name: "Reason" }) as HTMLInputElement;
  const status = (text: string) => screen.getAllByRole("status").filter((each) => each.textContent === text);
  await waitFor(() => expect(reason().matches(":disabled")).toBe(false));
  await user.type(reason(), "too much");

  server.streams("threads.custom_action", [{ type: "thread.item.replaced", item: card(asking(true)) } as never]);
  within(waiting).getByRole("button", { name: "Details" }).focus();
  await user.keyboard("{Enter}");
  await screen.findByText('transfer {"dollars":200}');
  await waitFor(() => expect(reason().matches(":disabled")).toBe(false));
  expect(document.activeElement).toBe(waiting);
  expect(reason().value).toBe("too much");
  expect(status("Your approval is needed: Move $200?")).toHaveLength(1);

  server.streams("threads.custom_action", [{ type: "thread.item.replaced", item: card(decided) } as never]);
  reason().focus();
  await user.keyboard("{Enter}");
  await screen.findByRole("group", { name: "Denied; nothing was done: Move $200?" });
  expect(status("Denied; nothing was done: Move $200?")).toHaveLength(1);
  await waitFor(() => expect(document.activeElement).toBe(screen.getByRole("textbox", { name: "Message" })));
  expect(server.of("threads.custom_action").map(({ params }) => params.action)).toEqual([
    { type: "approval.details", payload: { ...payload, reason: "too much" } },
    { type: "approval.deny", payload: { ...payload, reason: "too much" } },
  ]);
});
