import { expect, test, vi } from "vitest";
import { ChatClient } from "./protocol";
import { ChatSession } from "./session";
import { added, answer, created, delta, done, question } from "./testing/events";
import { FakeServer } from "./testing/fake-server";
import { plainChatProps } from "./testing/props";

const WORDS = 4000;

/** Stream an answer of WORDS words that has arrived completely before the first event is read. */
async function streamed() {
  const server = new FakeServer();
  const words = Array.from({ length: WORDS }, (_, place) => delta(`word${place} `));
  const events = [created, done(question("Hi")), added(answer("")), ...words];
  server.streams("threads.create", events);
  const session = new ChatSession(new ChatClient(server.api, "/chatkit"), () => plainChatProps().host);
  const seen: number[] = [];
  session.subscribe(() => {
    const item = session.snapshot().items.at(-1);
    seen.push(item?.type === "assistant_message" ? (item.content[0]?.text.length ?? 0) : 0);
  });
  const input = { content: [{ type: "input_text" as const, text: "Hi" }], attachments: [], inference_options: {} };
  const sent = session.send({ input, attachments: [] });
  return { session, seen, sent };
}

test("a burst of events is shown in a few updates, and completely in the end", async () => {
  const { seen, sent } = await streamed();
  await sent;
  expect(seen.length).toBeLessThan(WORDS / 20);
  expect(seen.at(-1)).toBe(Array.from({ length: WORDS }, (_, place) => `word${place} `).join("").length);
});

test("a burst of events leaves time for other tasks", async () => {
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (clock += 0.05)); // a slow device
  const { sent } = await streamed();
  let tasks = 0;
  let over = false;
  const count = () => {
    tasks++;
    if (!over) setTimeout(count);
  };
  count();
  await sent;
  over = true;
  expect(tasks).toBeGreaterThan(10);
});

test("the user's message, a thread's title and the end are shown at once", async () => {
  const server = new FakeServer();
  const live = server.live("threads.create");
  const session = new ChatSession(new ChatClient(server.api, "/chatkit"), () => plainChatProps().host);
  let updates = 0;
  session.subscribe(() => updates++);
  const input = { content: [{ type: "input_text" as const, text: "Hi" }], attachments: [], inference_options: {} };
  const sent = session.send({ input, attachments: [] });
  expect(updates).toBe(1);
  const stream = await live;
  stream.end();
  await sent;
  expect(session.snapshot().phase).toBe("idle");
  expect(updates).toBe(2);
});
