import { beforeEach, expect, test } from "vitest";
import { allItems, asMarkdown, fileName } from "./markdown-export";
import { ChatClient } from "./protocol";
import { answer, card, question, thread } from "./testing/events";
import { FakeServer } from "./testing/fake-server";
import { itemOf, recording } from "./testing/recording";
import type { ThreadItem } from "./wire";
import { setWords, translation } from "./words";

beforeEach(async () => setWords(await translation("en-US")));

test("every page of a thread is loaded, oldest first", async () => {
  const server = new FakeServer();
  const pages = [
    { data: [question("One", "a")], has_more: true, after: "a" },
    { data: [answer("Two", "b")], has_more: false },
  ];
  server.on("items.list", () => Response.json(pages[server.of("items.list").length - 1]));
  const items = await allItems(new ChatClient(server.api, "/chatkit"), "thr_1");
  expect(items.map(({ id }) => id)).toEqual(["a", "b"]);
  expect(server.of("items.list").map(({ params }) => [params.order, params.after])).toEqual([
    ["asc", undefined],
    ["asc", "a"],
  ]);
});

test("the file has what the user saw: messages, mentions, files, sources, cards and answers to questions", () => {
  const source = { type: "url", title: "A [report]", url: "https://example.com/a?b=(c)" } as const;
  const said = question("ignored", "q", [{ id: "f", type: "file", name: "in\nvoice.pdf", mime_type: "x" }]);
  const items = [
    {
      ...said,
      quoted_text: "a\nb",
      content: [
        { type: "input_text", text: "How much " },
        { type: "input_tag", id: "t", text: "Cash", data: {} },
      ],
    },
    { ...answer("x"), content: [{ type: "output_text", text: "# Much", annotations: [{ source }] }] },
    { ...card({ type: "Card" }), copy_text: "Cash: $1" },
    { ...said, type: "client_tool_call" },
    {
      ...said,
      type: "structured_input",
      inputs: [{ id: "1", type: "freeform", question: "Why?", answer: { values: [], skipped: true } }],
    },
    { ...said, type: "hologram" },
  ] as unknown as ThreadItem[];
  const text = asMarkdown({ ...thread, title: "My\n# money" }, items, "en-US");
  expect(text.split("\n\n").filter((part) => !part.startsWith("_"))).toEqual([
    "# My # money",
    "## You",
    "> a\n> b",
    "How much @Cash",
    "- File: in voice.pdf",
    "## Answer",
    "# Much",
    "- [A report](<https://example.com/a?b=(c)>)",
    "Cash: $1",
    "- Why?: skipped\n",
  ]);
});

test("a recorded conversation is exported in the user's language", async () => {
  setWords(await translation("de"));
  const items = recording("words").flatMap(({ events }) =>
    events.flatMap((event) => (event.type === "thread.item.done" ? [event.item] : [])),
  );
  const text = asMarkdown(thread, items, "de-DE");
  expect(text).toContain("## Sie\n\n");
  expect(text).toContain(itemOf({ items } as never, "assistant_message").content[0]?.text);
  expect(text).toContain("_25. November 2026 um ");
});

test.each([
  ["Ausgaben im März", "Ausgaben im März.md"],
  ["../../etc/passwd", "etcpasswd.md"],
  ['a/b\\c:d*e?"f<g>|', "abcdefg.md"],
  ["...", "conversation.md"],
  ["", "conversation.md"],
  ["x".repeat(300), `${"x".repeat(80)}.md`],
])("the file of %s is named %s", (title, name) => {
  expect(fileName({ ...thread, title })).toBe(name);
});
