import { beforeEach, describe, expect, it, vi } from "vitest";
import { ChatClient } from "./protocol";
import { ChatSession } from "./session";
import { added, answer, created, delta, done, question, thread, toolCall } from "./testing/events";
import { FakeServer, LiveStream, refusal } from "./testing/fake-server";
import type { ThreadItem } from "./wire";
import { words } from "./words";

const message = {
  input: { content: [{ type: "input_text" as const, text: "Hi" }], attachments: [], inference_options: {} },
  attachments: [],
};
const RUNNING = { "x-turns-running": "thr_9=turn_9, thr_1=turn_1" };
const stored = (...data: unknown[]) => ({ ...thread, items: { data, has_more: false } });
let server: FakeServer;
let client: ChatClient;
let session: ChatSession;
/** The streams of attached readers, in order. */
let attached: LiveStream[];
/** Statuses of the answers to requests for a client tool. */
let wins: number[];
const host = { onClientTool: vi.fn(), onEffect: vi.fn(), onTurnEnd: vi.fn() };
const now = () => session.snapshot();
const ids = () => now().items.map(({ id }) => id);
const asked = (path: string) => server.others.filter(({ url }) => url === path);
const idle = () => vi.waitFor(() => expect(now().phase).toBe("idle"));

beforeEach(() => {
  server = new FakeServer();
  attached = [];
  wins = [];
  server.other = (url, init) => {
    if (url.includes("/tools/")) return new Response("{}", { status: wins.shift() ?? 200 });
    if (!url.endsWith("/events")) return new Response("[]");
    attached.push(new LiveStream(init.signal, url.split("/")[3]));
    return (attached.at(-1) as LiveStream).response;
  };
  for (const mock of Object.values(host)) mock.mockReset();
  host.onClientTool.mockResolvedValue({ done: true });
  client = new ChatClient(server.api, "/chatkit");
  session = new ChatSession(client, () => host);
});

/** Open the thread while turn_1 runs in it, and return the stream of its events. */
async function opened(...items: unknown[]): Promise<LiveStream> {
  server.answers("threads.get_by_id", stored(question("Hi"), ...items), RUNNING);
  await session.open("thr_1");
  await vi.waitFor(() => expect(attached).toHaveLength(1));
  return attached[0] as LiveStream;
}

describe("[R1] a conversation with a running answer (U4)", () => {
  it("shows the words so far at once, and the rest as it comes", async () => {
    const stream = await opened();
    expect(now().phase).toBe("answering");
    stream.send(added(answer("So far")));
    await vi.waitFor(() => expect(now().items.at(-1)).toEqual(answer("So far")));
    stream.send(delta(" and on"));
    await vi.waitFor(() => expect(now().items.at(-1)).toEqual(answer("So far and on")));
    stream.send(done(answer("So far and on.")));
    stream.end();
    await idle();
    expect(now()).toMatchObject({ failure: null, unfinished: [] });
    expect(ids()).toEqual(["msg_q", "msg_a"]);
    expect(host.onTurnEnd).toHaveBeenCalledOnce();
  });

  it("is stopped by the abort of its own request", async () => {
    const stream = await opened();
    stream.send(added(answer("So far")));
    await vi.waitFor(() => expect(ids()).toContain("msg_a"));
    session.stop();
    await idle();
    expect(asked("/chatkit/turns/turn_1/events")[0]?.init.signal?.aborted).toBe(true);
    expect(now()).toMatchObject({ failure: null, items: [question("Hi"), answer("So far")] });
  });

  it("goes on without its reader, who leaves without stopping it", async () => {
    const stream = await opened();
    session.leave();
    await vi.waitFor(() => expect(stream.left).toBe(true));
    expect(asked("/chatkit/turns/turn_1/events")[0]?.init.signal?.aborted).toBe(false);
    expect(client.turns.snapshot().get("thr_1")).toBe("turn_1");
  });

  it("is opened as it is stored if the server does not know the turn any more", async () => {
    server.answers("threads.get_by_id", stored(question("Hi"), answer("All")), RUNNING);
    server.other = () => refusal(404, "unknown turn");
    await session.open("thr_1");
    await idle();
    expect(now().failure).toBeNull();
    expect(ids()).toEqual(["msg_q", "msg_a"]);
  });

  it("[R3] shows that its process has died, with what was saved and a retry", async () => {
    const stream = await opened();
    server.answers("threads.get_by_id", stored(question("Hi"), answer("Half")), { "x-turn-interrupted": "turn_1" });
    stream.send(added(answer("Ha")));
    stream.send({ type: "error", code: "custom", message: "interrupted", allow_retry: true });
    stream.end();
    await vi.waitFor(() => expect(now().items.at(-1)).toEqual(answer("Half")));
    expect(now().failure).toEqual({ message: words().interrupted, retry: true });

    server.streams("threads.retry_after_item", [done(answer("Whole", "msg_b"))]);
    await session.retry();
    expect(ids()).toEqual(["msg_q", "msg_b"]);
  });
});

it("[R3] offers a retry for an interrupted answer when it is opened", async () => {
  server.answers("threads.get_by_id", stored(question("Hi"), answer("Half")), { "x-turn-interrupted": "turn_1" });
  await session.open("thr_1");
  expect(now().failure).toEqual({ message: words().interrupted, retry: true });

  server.streams("threads.retry_after_item", [done(answer("Whole", "msg_b"))]);
  await session.retry();
  expect(ids()).toEqual(["msg_q", "msg_b"]);
  expect(now().failure).toBeNull();
});

describe("[R1] an open conversation (U26)", () => {
  async function open(...items: unknown[]): Promise<void> {
    server.answers("threads.get_by_id", stored(question("Hi"), ...items));
    await session.open("thr_1");
  }

  it("shows what another tab has added since", async () => {
    await open(answer("Hello"));
    server.answers("threads.get_by_id", stored(question("Hi"), answer("Hello"), question("And?", "msg_2")), RUNNING);
    await session.reload();
    await vi.waitFor(() => expect(attached).toHaveLength(1));
    expect(ids()).toEqual(["msg_q", "msg_a", "msg_2"]);
    attached[0]?.end();
    await idle();
  });

  it("stays the same object for what has not changed, and keeps its older items", async () => {
    const older = answer("Old", "msg_0");
    server.answers("threads.get_by_id", { ...thread, items: { data: [], has_more: true } });
    const pages = [
      { data: [answer("Hello"), question("Hi")], has_more: true, after: "msg_q" },
      { data: [older], has_more: false },
      { data: [answer("More", "msg_b"), answer("Hello"), question("Hi")], has_more: true, after: "msg_q" },
    ];
    server.on("items.list", () => Response.json(pages.shift()));
    await session.open("thr_1");
    await session.loadOlder();
    await session.reload();
    expect(ids()).toEqual(["msg_0", "msg_q", "msg_a", "msg_b"]);
    expect(now().older).toBeNull();
  });

  it("[R2] forgets a lost connection (U3) when the whole answer is there", async () => {
    await open();
    server.streams("threads.add_user_message", [
      done(question("Hi", "msg_2")),
      added(answer("Hal", "msg_b")),
      { type: "error", code: "custom", message: "lost", allow_retry: false },
    ]);
    server.answers(
      "threads.get_by_id",
      stored(question("Hi"), question("Hi", "msg_2"), answer("Half and half", "msg_b")),
    );
    await session.send(message);
    await vi.waitFor(() => expect(now().items.at(-1)).toEqual(answer("Half and half", "msg_b")));
    expect(now().failure).toBeNull();
  });

  it("keeps a message that has not reached the server", async () => {
    await open();
    server.on("threads.add_user_message", () => refusal(503, "busy"));
    await session.send(message);
    await session.reload();
    expect(ids()).toEqual(["msg_q", "unconfirmed"]);
    expect(now().failure?.message).toBe("busy");
  });
});

describe("[R4] a message for a conversation that another tab occupies (U26)", () => {
  const busy = (turn: string | null) => refusal(409, "busy", { thread_id: "thr_1", turn_id: turn });

  it("waits, while the other answer is shown, and is sent afterwards", async () => {
    server.answers("threads.get_by_id", stored(question("Other", "msg_o")));
    await session.open("thr_1");
    const answers = [() => busy("turn_1"), () => new LiveStream().response];
    server.on("threads.add_user_message", () => answers.shift()?.() as Response);
    const sent = session.send(message);
    await vi.waitFor(() => expect(attached).toHaveLength(1));
    expect(now()).toMatchObject({ phase: "answering", waiting: { content: message.input.content }, failure: null });
    expect(ids()).toEqual(["msg_o"]);
    attached[0]?.send(done(answer("Other's", "msg_b")));
    attached[0]?.end();
    await vi.waitFor(() => expect(server.of("threads.add_user_message")).toHaveLength(2));
    expect(now().waiting).toBeNull();
    expect(ids()).toEqual(["msg_o", "msg_b", "unconfirmed"]);
    session.stop();
    void sent;
  });

  it("is refused with the server's reason if that turn cannot be shown", async () => {
    server.answers("threads.get_by_id", stored(question("Other", "msg_o")));
    await session.open("thr_1");
    server.on("threads.add_user_message", () => busy("turn_1"));
    server.other = () => refusal(404, "unknown turn");
    expect(await session.send(message)).toBe(false);
    expect(now()).toMatchObject({ phase: "idle", failure: { message: "busy" }, waiting: null });
    expect(server.of("threads.add_user_message")).toHaveLength(2);
  });

  it("is a draft again when the user leaves the conversation", async () => {
    await opened();
    const sent = session.send(message);
    session.leave();
    expect(await sent).toBe(true); // nothing returns to the field, which belongs to another conversation now
    expect(server.of("threads.add_user_message")).toHaveLength(0);
  });
});

describe("a client tool", () => {
  const call = done(toolCall("open_page", {}));

  async function calling(turnId: string | undefined = "turn_1"): Promise<void> {
    server.on("threads.create", (request) => {
      const stream = new LiveStream(request.signal, turnId);
      for (const event of [created, done(question("Hi")), call]) stream.send(event);
      stream.end();
      return stream.response;
    });
    server.streams("threads.add_client_tool_output", [done(answer("Done"))]);
    await session.send(message);
  }

  it("[R1] runs for the reader that wins its call", async () => {
    await calling();
    expect(asked("/chatkit/turns/turn_1/tools/msg_t")[0]?.init.method).toBe("POST");
    expect(host.onClientTool).toHaveBeenCalledOnce();
    expect(now().items.at(-1)).toEqual(answer("Done"));
  });

  it("runs where the server has no turn ids, and so no other readers", async () => {
    await calling("");
    expect(asked("/chatkit/turns/turn_1/tools/msg_t")).toEqual([]);
    expect(host.onClientTool).toHaveBeenCalledOnce();
  });

  it("[R1] of a turn that has expired does not run: another reader may have run it", async () => {
    server.other = () => refusal(404, "this answer has ended too long ago");
    server.answers("threads.get_by_id", stored(question("Hi"), toolCall("open_page", {})));
    await calling();
    await vi.waitFor(() => expect(now().failure).toMatchObject({ message: "this answer has ended too long ago" }));
    expect(host.onClientTool).not.toHaveBeenCalled();
    expect(server.of("threads.add_client_tool_output")).toEqual([]);
  });

  it("[R1] of another reader does not run here, and its answer appears", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      wins = [409];
      server.answers("threads.get_by_id", stored(question("Hi"), toolCall("open_page", {}), answer("Done")));
      await calling();
      expect(host.onClientTool).not.toHaveBeenCalled();
      expect(server.of("threads.add_client_tool_output")).toEqual([]);
      expect(now()).toMatchObject({ phase: "idle", failure: null });
      await vi.advanceTimersByTimeAsync(600);
      expect(now().items.at(-1)).toEqual(answer("Done"));
    } finally {
      vi.useRealTimers();
    }
  });

  it("[R1] of another reader is awaited while only the state of its call has changed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      wins = [409];
      const ran = { ...toolCall("open_page", {}), status: "completed" };
      server.answers("threads.get_by_id", stored(question("Hi"), ran));
      await calling();
      await vi.advanceTimersByTimeAsync(600);
      expect(now().items.at(-1)).toMatchObject({ status: "completed" });
      server.answers("threads.get_by_id", stored(question("Hi"), ran, answer("Done")));
      await vi.advanceTimersByTimeAsync(1_100);
      expect(now().items.at(-1)).toEqual(answer("Done"));
    } finally {
      vi.useRealTimers();
    }
  });

  it("[R1] of another reader is awaited after its own turn, which was about to end, was shown once more", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      wins = [409];
      const ran = { ...toolCall("open_page", {}), status: "completed" } as ThreadItem;
      server.answers("threads.get_by_id", stored(question("Hi"), toolCall("open_page", {})), RUNNING);
      await calling();
      await vi.advanceTimersByTimeAsync(600);
      await vi.waitFor(() => expect(attached).toHaveLength(1));
      attached[0]?.send(done(ran));
      attached[0]?.end();
      await idle();
      server.answers("threads.get_by_id", stored(question("Hi"), ran, answer("Done")));
      await vi.advanceTimersByTimeAsync(1_100);
      expect(now().items.at(-1)).toEqual(answer("Done"));
    } finally {
      vi.useRealTimers();
    }
  });

  it("[R1] that another reader has run before this one hears of it: its answer appears, too", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      const ran = { ...toolCall("open_page", {}), status: "completed" } as ThreadItem;
      const stream = await opened();
      stream.send(done(ran));
      stream.end();
      await idle();
      server.answers("threads.get_by_id", stored(question("Hi"), ran, answer("Done")));
      await vi.advanceTimersByTimeAsync(600);
      expect(now().items.at(-1)).toEqual(answer("Done"));
      expect(host.onClientTool).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });

  it("is not run before its call is won: a failure offers to ask again, and runs it once", async () => {
    wins = [503, 200];
    server.answers("threads.get_by_id", stored(question("Hi"), toolCall("open_page", {})));
    await calling();
    expect(host.onClientTool).not.toHaveBeenCalled();
    expect(now().failure).toMatchObject({ retry: true });
    await session.retry();
    expect(host.onClientTool).toHaveBeenCalledOnce();
    expect(server.of("threads.create")).toHaveLength(1);
    expect(now().items.at(-1)).toEqual(answer("Done"));
  });
});

describe("the running turns", () => {
  it("are what the server lists, and this page's own", async () => {
    server.answers("threads.list", { data: [], has_more: false }, RUNNING);
    await client.call("threads.list", { limit: 20, order: "desc" });
    expect([...client.turns.snapshot()]).toEqual([
      ["thr_9", "turn_9"],
      ["thr_1", "turn_1"],
    ]);
    server.answers("threads.list", { data: [], has_more: false });
    await client.call("threads.list", { limit: 20, order: "desc" });
    expect(client.turns.snapshot().size).toBe(0);
    server.on("threads.create", () => {
      const stream = new LiveStream(null, "turn_5");
      for (const event of [created, done(question("Hi"))]) stream.send(event);
      return stream.response;
    });
    void session.send(message);
    await vi.waitFor(() => expect(client.turns.snapshot().get("thr_1")).toBe("turn_5"));
  });
});
