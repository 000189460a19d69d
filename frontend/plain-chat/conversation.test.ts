import { describe, expect, it } from "vitest";
import * as conversation from "./conversation";
import { empty } from "./conversation";
import { itemOf, recording, states, stream } from "./testing/recording";
import type { AssistantMessage, Thread, ThreadItem, ThreadStreamEvent, UserMessage } from "./wire";

const last = (events: ThreadStreamEvent[], from = empty) => states(from, events).at(-1) ?? from;
const textOf = (item: AssistantMessage) => item.content.map((part) => part.text).join("");
const kinds = (items: ThreadItem[]) => items.map((item) => item.type);

describe("recorded streams", () => {
  it("shows a question, its card and its answer, word by word", () => {
    const all = states(empty, stream("words"));
    const texts = all.flatMap((now) => now.items.filter((item) => item.type === "assistant_message").map(textOf));
    expect(new Set(texts).size).toBeGreaterThan(5);
    expect(texts.every((text, place) => place === 0 || text.startsWith(texts[place - 1] ?? ""))).toBe(true);
    const end = all.at(-1) ?? empty;
    expect(kinds(end.items)).toEqual(["user_message", "widget", "assistant_message"]);
    expect(textOf(itemOf(end, "assistant_message"))).toMatch(/^You spent \$[\d,.]+ on groceries/);
    expect(end.thread?.title).toBe("How much did I spend on");
    expect(end.unfinished).toEqual([]);
  });

  it("ends each recorded stream in the state that the server stored", () => {
    for (const name of ["words", "analysis", "budget", "goal", "page", "files", "trouble"]) {
      for (const { events } of recording(name)) {
        const done = new Map<string, ThreadItem>();
        for (const event of events)
          if (event.type === "thread.item.done" || event.type === "thread.item.replaced")
            done.set(event.item.id, event.item);
        const shown = last(events).items.filter((item) => done.has(item.id));
        expect(shown).toEqual([...done.values()].filter((item) => shown.some(({ id }) => id === item.id)));
        expect(shown).toHaveLength(done.size);
      }
    }
  });

  it("shows a progress line until the first item arrives", () => {
    const lines = states(empty, stream("words")).map((now) => now.progress);
    expect(lines).toContain("Reading your transactions");
    expect(lines.at(-1)).toBeNull();
  });

  it("adds steps to a workflow and completes them one by one", () => {
    const counts = states(empty, stream("analysis"))
      .flatMap((now) => now.items.filter((item) => item.type === "workflow"))
      .map(({ workflow }) => workflow.tasks.filter((task) => task.status_indicator === "complete").length);
    expect(Math.max(...counts)).toBe(3);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });

  it("streams a card's text, and keeps it when the whole card is replaced", () => {
    const values = states(empty, stream("analysis"))
      .flatMap((now) => now.items.filter((item) => item.type === "widget"))
      .map(({ widget }) => (Array.isArray(widget.children) ? String(widget.children[1]?.value) : ""));
    expect(new Set(values).size).toBeGreaterThan(10);
    expect(values.every((value, place) => value.startsWith(values[place - 1] ?? ""))).toBe(true);
  });

  it("keeps an added source when the text's done event has none", () => {
    const all = states(empty, stream("words", 3));
    const counts = all.map((now) => {
      const answer = now.items.find((item) => item.type === "assistant_message");
      return answer?.content[0]?.annotations.length ?? 0;
    });
    expect(counts.at(-1)).toBe(1);
    expect(counts.slice(counts.indexOf(1))).not.toContain(0);
  });

  it("shows partial images, then the final one", () => {
    const all = states(empty, stream("files", 1));
    const images = all.flatMap((now) => now.items.filter((item) => item.type === "generated_image"));
    expect(new Set(images.map(({ image }) => image?.url)).size).toBe(4); // none, two partial, one final
    expect(images.map(({ progress }) => progress)).toContain(0.5);
  });

  it("replaces the budget form with the saved card", () => {
    const form = last(stream("budget"));
    const card = last(stream("budget", 2), form);
    expect(card.items.map(({ id }) => id)).toEqual(form.items.map(({ id }) => id));
    expect(itemOf(form, "widget").widget.asForm).toBe(true);
    expect(JSON.stringify(itemOf(card, "widget").widget)).toContain("$400.00");
  });

  it("shows a notice, and replaces a form with its answers", () => {
    expect(last(stream("budget", 1)).notices).toMatchObject([{ level: "warning" }]);
    const answered = last(stream("goal", 1), last(stream("goal")));
    expect(itemOf(answered, "structured_input").status).toBe("answered");
  });

  it("shows the error, and whether a retry can succeed", () => {
    const errors = [0, 1, 2].map((place) => last(stream("trouble", place)).failure);
    expect(errors.map((failure) => failure?.retry)).toEqual([true, false, true]);
    expect(errors[0]?.message).toBe("The model is busy right now. Please try again in a moment.");
  });
});

const at = { thread_id: "thr_1", created_at: "2026-11-25T15:34:14" };
const answer: AssistantMessage = { ...at, id: "a", type: "assistant_message", content: [] };
const question: UserMessage = { ...at, id: "q", type: "user_message", content: [], attachments: [] };
const draft: UserMessage = { ...question, id: conversation.UNCONFIRMED, thread_id: "" };

describe("a turn", () => {
  it("shows the message at once, and replaces it when it is confirmed", () => {
    const begun = conversation.began(empty, draft);
    expect(begun.items).toEqual([draft]);
    const confirmed = conversation.received(begun, { type: "thread.item.done", item: question });
    expect(confirmed.items).toEqual([question]);
  });

  it("shows a repeated message once", () => {
    const failed = conversation.failed(conversation.began(empty, draft), { message: "no", retry: true });
    expect(conversation.began(failed, draft).items).toEqual([draft]);
  });

  it("reports a response without an end as cut off", () => {
    const begun = conversation.received(conversation.began(empty), { type: "thread.item.added", item: answer });
    expect(conversation.ended(begun)).toMatchObject({ phase: "idle", failure: { retry: true } });
    const done = conversation.received(begun, { type: "thread.item.done", item: answer });
    expect(conversation.ended(done).failure).toBeNull();
  });

  it("keeps the items received so far when it is stopped, and a later message separate from the unconfirmed one", () => {
    const begun = conversation.received(conversation.began(empty, draft), { type: "thread.item.added", item: answer });
    const stopped = conversation.stopped(begun);
    expect(stopped).toMatchObject({ phase: "idle", failure: null });
    expect(conversation.began(stopped, draft).items).toHaveLength(3);
  });

  it("removes the items after a retried message", () => {
    const now = conversation.opened({ id: "thr_1" } as Thread, [question, answer], null);
    expect(conversation.lastQuestion(now)).toEqual(question);
    expect(conversation.cutAfter(now, "q").items).toEqual([question]);
  });

  it("applies stream options and removals", () => {
    const now = conversation.opened({ id: "thr_1" } as Thread, [question, answer], null);
    expect(conversation.received(now, { type: "thread.item.removed", item_id: "a" }).items).toEqual([question]);
    const options = { type: "stream_options", stream_options: { allow_cancel: false } } as const;
    expect(conversation.received(now, options).mayStop).toBe(false);
  });
});

describe("unknown input", () => {
  const now = conversation.opened({ id: "thr_1" } as Thread, [question, answer], null);

  it.each([
    { type: "thread.item.sparkled", item_id: "a" },
    {
      type: "thread.item.updated",
      item_id: "nowhere",
      update: { type: "workflow.task.added", task_index: 0, task: {} },
    },
    { type: "thread.item.updated", item_id: "a", update: { type: "assistant_message.sung" } },
    { type: "thread.item.updated", item_id: "q", update: { type: "widget.root.updated", widget: {} } },
  ])("changes nothing: $type", (event) => {
    expect(conversation.received(now, event as unknown as ThreadStreamEvent).items).toEqual(now.items);
  });

  it("is kept if it is an item", () => {
    const item = { ...at, id: "x", type: "hologram" } as unknown as ThreadItem;
    expect(conversation.received(now, { type: "thread.item.done", item }).items).toContain(item);
  });
});

describe("a component of a card", () => {
  const widget = { type: "Card", children: [{ type: "Row", children: { type: "Text", id: "t", value: "a" } }] };
  const now = { ...empty, items: [{ ...at, id: "w", type: "widget", widget } as ThreadItem] };
  const shown = (update: object) => {
    const event = { type: "thread.item.updated", item_id: "w", update } as ThreadStreamEvent;
    return JSON.stringify(itemOf(conversation.received(now, event), "widget").widget);
  };

  it("grows with deltas", () => {
    const update = { type: "widget.streaming_text.value_delta", component_id: "t", delta: "b", done: true };
    expect(shown(update)).toContain('"value":"ab","streaming":false');
  });

  it("is replaced by id", () => {
    const component = { type: "Badge", id: "t", label: "new" };
    expect(shown({ type: "widget.component.updated", component_id: "t", component })).toContain("Badge");
  });
});
