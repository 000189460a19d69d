import { beforeEach, describe, expect, it, vi } from "vitest";
import { ChatClient } from "./protocol";
import { ChatSession } from "./session";
import { answer, created, done, firstTurn, question, thread, toolCall } from "./testing/events";
import { FakeServer } from "./testing/fake-server";
import { words } from "./words";

const message = {
  input: { content: [{ type: "input_text" as const, text: "Hi" }], attachments: [], inference_options: {} },
  attachments: [],
};
let server: FakeServer;
let session: ChatSession;
const host = { onClientTool: vi.fn(), onEffect: vi.fn(), onTurnEnd: vi.fn() };

beforeEach(() => {
  server = new FakeServer();
  host.onClientTool.mockReset();
  session = new ChatSession(new ChatClient(server.api, "/chatkit"), () => host);
});

describe("a session", () => {
  it("runs one turn at a time: a message sent meanwhile waits, and a further one is not accepted", async () => {
    server.streams("threads.create", firstTurn("Hi", "Hello"));
    server.streams("threads.add_user_message", [done(question("Hi", "msg_2")), done(answer("Yes?", "msg_3"))]);
    const sent = await Promise.all([session.send(message), session.send(message), session.send(message)]);
    expect(sent).toEqual([true, true, false]);
    expect(server.requests.map(({ type }) => type)).toEqual(["threads.create", "threads.add_user_message"]);
    expect(session.snapshot().items.map(({ id }) => id)).toEqual(["msg_q", "msg_a", "msg_2", "msg_3"]);
  });

  it("continues a turn in the background when another thread is opened", async () => {
    const live = server.live("threads.create");
    const other = { ...thread, id: "thr_2", items: { data: [answer("Old")], has_more: false } };
    server.answers("threads.get_by_id", other);
    const sending = session.send(message);
    const stream = await live;
    await session.open("thr_2");
    for (const event of [created, done(answer("Late", "msg_late"))]) stream.send(event);
    stream.end();
    await sending;
    expect(server.of("threads.create")[0]?.signal?.aborted).toBe(false);
    expect(session.snapshot()).toMatchObject({ thread: { id: "thr_2" }, phase: "idle", failure: null });
    expect(session.snapshot().items.map(({ id }) => id)).toEqual(["msg_a"]);
  });

  it("does not stop a turn that the server does not allow to stop", async () => {
    const live = server.live("threads.create");
    const sending = session.send(message);
    const stream = await live;
    stream.send({ type: "stream_options", stream_options: { allow_cancel: false } });
    await vi.waitFor(() => expect(session.snapshot().mayStop).toBe(false));
    session.stop();
    expect(server.requests[0]?.signal?.aborted).toBe(false);
    stream.end();
    await sending;
  });

  it.each([
    ["another is opened", () => session.open("thr_2")],
    ["a new one is started", async () => session.leave()],
  ])("runs no client tool of a thread that the user has left: %s", async (_, leave) => {
    const live = server.live("threads.create");
    server.answers("threads.get_by_id", { ...thread, id: "thr_2", items: { data: [], has_more: false } });
    const sending = session.send(message);
    const stream = await live;
    await leave();
    for (const event of [created, done(toolCall("open_page", {}))]) stream.send(event);
    stream.end();
    await sending;
    expect(host.onClientTool).not.toHaveBeenCalled();
    expect(server.of("threads.add_client_tool_output")).toEqual([]);
  });

  it("pauses after eight client tools in a row with a message, and continues on retry", async () => {
    host.onClientTool.mockImplementation(async () => ({ calls: host.onClientTool.mock.calls.length }));
    server.streams("threads.create", [created, done(question("Hi")), done(toolCall("open_page", {}))]);
    server.streams("threads.add_client_tool_output", [done(toolCall("open_page", {}))]);
    await session.send(message);
    expect(host.onClientTool).toHaveBeenCalledTimes(8);
    expect(session.snapshot()).toMatchObject({ phase: "idle", failure: { message: words().paused, retry: true } });

    server.streams("threads.add_client_tool_output", [done(answer("At last"))]);
    await session.retry();

    expect(server.of("threads.add_client_tool_output").at(-1)?.params.result).toEqual({ calls: 8 });
    expect(session.snapshot()).toMatchObject({ phase: "idle", failure: null });
    expect(session.snapshot().items.at(-1)).toEqual(answer("At last"));
  });
});
