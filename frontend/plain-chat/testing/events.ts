import type { Attachment, Thread, ThreadItem, ThreadStreamEvent, WidgetNode } from "../wire";

const created_at = "2026-11-25T15:34:14";
const at = { thread_id: "thr_1", created_at };

export const thread: Thread = {
  id: "thr_1",
  title: "Groceries",
  created_at,
  status: { type: "active" },
  items: { data: [], has_more: false },
};

export function question(text: string, id = "msg_q", attachments: Attachment[] = []): ThreadItem {
  return { ...at, id, type: "user_message", content: [{ type: "input_text", text }], attachments };
}

export function answer(text: string, id = "msg_a"): ThreadItem {
  return { ...at, id, type: "assistant_message", content: [{ type: "output_text", text, annotations: [] }] };
}

export function card(widget: WidgetNode, id = "msg_w"): ThreadItem {
  return { ...at, id, type: "widget", widget };
}

export function toolCall(name: string, args: Record<string, unknown>): ThreadItem {
  return { ...at, id: "msg_t", type: "client_tool_call", status: "pending", name, arguments: args };
}

export const created: ThreadStreamEvent = { type: "thread.created", thread };
export const done = (item: ThreadItem): ThreadStreamEvent => ({ type: "thread.item.done", item });
export const added = (item: ThreadItem): ThreadStreamEvent => ({ type: "thread.item.added", item });
export const delta = (text: string, item_id = "msg_a"): ThreadStreamEvent => ({
  type: "thread.item.updated",
  item_id,
  update: { type: "assistant_message.content_part.text_delta", content_index: 0, delta: text },
});

/** All events of a first turn. */
export function firstTurn(text: string, answered: string): ThreadStreamEvent[] {
  return [created, done(question(text)), added(answer("")), delta(answered), done(answer(answered))];
}
