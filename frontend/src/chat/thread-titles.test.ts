import { expect, test, vi } from "vitest";
import { ThreadTitles } from "./thread-titles";

const body = (type: string, params: object) => JSON.stringify({ type, params });
const stream = (...chunks: string[]) =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
        controller.close();
      },
    }),
    { headers: { "content-type": "text/event-stream", "x-turn-id": "t" } },
  );

test("a title comes with the thread, with a turn's events however they are split, and with a rename", async () => {
  const changed = vi.fn();
  const titles = new ThreadTitles(changed);
  const loads = body("threads.get_by_id", { thread_id: "a" });

  const loaded = await titles.watched(loads, async () => Response.json({ id: "a", title: "Lisbon" }));
  expect(await loaded.json()).toEqual({ id: "a", title: "Lisbon" });
  await vi.waitFor(() => expect(titles.of("a")).toBe("Lisbon"));

  const text =
    'data: {"type":"thread.created","thread":{"id":"b"}}\n\n: ping\n\n' +
    'data: {"type":"thread.item.updated","text":"Ü"}\n\ndata: {"type":"thread.updated","thread":{"id":"b","title":"Grün"}}\n\n';
  const answer = await titles.watched(body("threads.create", {}), async () => stream(...text));
  expect(await answer.text()).toBe(text);
  expect(answer.headers.get("x-turn-id")).toBe("t");
  expect(titles.of("b")).toBe("Grün");

  await titles.watched(body("threads.update", { thread_id: "b", title: "Blue" }), async () => Response.json({}));
  expect([titles.of("b"), titles.of("c"), titles.of(null)]).toEqual(["Blue", undefined, undefined]);
  expect(changed).toHaveBeenCalledTimes(3);
});

test("a failed or foreign request changes nothing", async () => {
  const titles = new ThreadTitles(vi.fn());
  const refused = () => Promise.resolve(Response.json({ message: "no" }, { status: 404 }));

  await titles.watched(body("threads.update", { thread_id: "a", title: "Blue" }), refused);
  await titles.watched(new FormData(), async () => Response.json({ id: "a", title: "File" }));
  await titles.watched("{", async () => Response.json({ id: "a", title: "Broken" }));
  await titles.watched(body("threads.get_by_id", {}), async () => new Response("<html>"));

  expect(titles.of("a")).toBeUndefined();
});
