import { describe, expect, it } from "vitest";
import { ChatClient, RequestError } from "./protocol";
import { answer, created, delta, done } from "./testing/events";
import { FakeServer, LiveStream, refusal } from "./testing/fake-server";
import type { StreamingRequest, ThreadStreamEvent } from "./wire";

const server = () => new FakeServer();
const client = (fake: FakeServer) => new ChatClient(fake.api, "/chatkit");
const request: StreamingRequest = { type: "threads.retry_after_item", params: { thread_id: "t", item_id: "i" } };
const signal = () => new AbortController().signal;

async function eventsOf(bytes: Uint8Array, cut: number): Promise<ThreadStreamEvent[]> {
  const fake = server().on(request.type, () => {
    const stream = new LiveStream();
    for (let at = 0; at < bytes.length; at += cut) stream.write(bytes.subarray(at, at + cut));
    stream.end();
    return stream.response;
  });
  const { events } = await client(fake).stream(request, signal());
  const all: ThreadStreamEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("a stream", () => {
  const sent = [created, delta("Größe 🪙 – €"), done(answer("Größe"))];

  it.each([1, 2, 3, 7, 64, 100_000])("is read in chunks of %i bytes", async (cut) => {
    const text = sent.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(": keep-alive\n");
    expect(await eventsOf(new TextEncoder().encode(`: keep-alive\n${text}`), cut)).toEqual(sent);
  });

  it("ignores invalid events", async () => {
    const text = `data: {"broken\n\ndata: [1]\n\ndata: null\n\nevent: x\nid: 3\n\ndata: ${JSON.stringify(created)}\n\n`;
    expect(await eventsOf(new TextEncoder().encode(text), 10)).toEqual([created]);
  });

  it("has the request id", async () => {
    const stream = await client(server().streams(request.type, [])).stream(request, signal());
    expect(stream.requestId).toBe("req_stream");
  });

  it("raises when it breaks, after the events received so far", async () => {
    const fake = server();
    const live = fake.live(request.type);
    const { events } = await client(fake).stream(request, signal());
    (await live).send(created);
    expect((await events.next()).value).toEqual(created);
    (await live).break();
    await expect(events.next()).rejects.toThrow("network error");
  });

  it("raises when the response is not a stream", async () => {
    const fake = server().answers(request.type, {});
    await expect(client(fake).stream(request, signal())).rejects.toMatchObject({ status: 502, refused: false });
  });
});

describe("a request", () => {
  const list = (fake: FakeServer) => client(fake).call("threads.list", { limit: 1, order: "desc" });

  it("raises the server's message with the request id", async () => {
    const fake = server().on("threads.list", () => refusal(409, "no", { thread_id: "thr_2" }));
    const error = await list(fake).catch((raised: RequestError) => raised);
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject({
      message: "no",
      status: 409,
      requestId: "req_refused",
      threadId: "thr_2",
      refused: true,
    });
  });

  it("raises a clear message when the response has none", async () => {
    const fake = server().on("threads.list", () => new Response("<html>", { status: 503 }));
    await expect(list(fake)).rejects.toMatchObject({ message: /503/, refused: false });
  });

  it("raises a clear message without a response", async () => {
    const fake = server().on("threads.list", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(list(fake)).rejects.toMatchObject({ message: /Can't reach/, status: 0 });
  });
});
