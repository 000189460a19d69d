import { beforeEach, describe, expect, test, vi } from "vitest";
import { LEFT } from "../api/turn-fetch";
import { en } from "../words/en";
import { RunningAnswers } from "./running-answers";

const RUNNING = { "x-turns-running": "thr_9=turn_9, thr_1=turn_1" };
const stream = (text: string, turnId = "turn_1") =>
  new Response(text, { headers: { "content-type": "text/event-stream", "x-turn-id": turnId } });
const call = { type: "client_tool_call", id: "ctc_1", name: "open_page", status: "pending", arguments: {} };
const calling = () => stream(`data: ${JSON.stringify({ type: "thread.item.done", item: call })}\n\n`);

let answers: Record<string, () => Response>;
let asked: { url: string; init: RequestInit }[];
let open: string | null;
let answered: RunningAnswers;
const element = { sendCustomAction: vi.fn(), fetchUpdates: vi.fn() };

const post = (type: string, params: object, more: RequestInit = {}) =>
  answered.fetch("/chatkit", { method: "POST", body: JSON.stringify({ type, params }), ...more });
const load = () => post("threads.get_by_id", { thread_id: "thr_1" });
const attach = (turn_id: string, more: RequestInit = {}) =>
  post("threads.custom_action", { thread_id: "thr_1", action: { type: "turn.attach", payload: { turn_id } } }, more);
const paths = () => asked.map(({ url }) => url);

beforeEach(() => {
  answers = {};
  asked = [];
  open = "thr_1";
  element.sendCustomAction.mockReset().mockResolvedValue(undefined);
  element.fetchUpdates.mockReset().mockResolvedValue(undefined);
  answered = new RunningAnswers(
    async (url, init = {}) => {
      asked.push({ url, init });
      return answers[url]?.() ?? Response.json({});
    },
    "/chatkit",
    () => open,
    () => false,
  );
  answered.element = element;
});

describe("[R1] a thread with a running answer (U4)", () => {
  test("gets the action that attaches to it when it is loaded", async () => {
    answers["/chatkit"] = () => Response.json({}, { headers: RUNNING });
    await load();
    answered.loaded("thr_1");
    expect(element.sendCustomAction).toHaveBeenCalledExactlyOnceWith({
      type: "turn.attach",
      payload: { turn_id: "turn_1" },
    });
  });

  test("gets none when nothing runs in it", async () => {
    answers["/chatkit"] = () => Response.json({});
    await load();
    answered.loaded("thr_1");
    expect(element.sendCustomAction).not.toHaveBeenCalled();
  });

  test("is read by that action, which does not leave the page, and is loaded again at its end", async () => {
    answers["/chatkit/turns/turn_1/events"] = () => stream("data: so far\n\n");
    const answer = await attach("turn_1");
    expect(await answer.text()).toBe("data: so far\n\n");
    expect(paths()).toEqual(["/chatkit/turns/turn_1/events"]);
    await vi.waitFor(() => expect(element.fetchUpdates).toHaveBeenCalledOnce());
  });

  test("is loaded again if its turn has ended meanwhile", async () => {
    answers["/chatkit/turns/turn_1/events"] = () => new Response(null, { status: 404 });
    const answer = await attach("turn_1");
    expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
      200,
      "text/event-stream",
      "",
    ]);
    expect(element.fetchUpdates).toHaveBeenCalledOnce();
  });

  test("whose answer was interrupted shows that once, with a retry", async () => {
    answers["/chatkit"] = () => Response.json({}, { headers: { "x-turn-interrupted": "turn_0" } });
    await load();
    answered.loaded("thr_1");
    answered.loaded("thr_1");
    expect(element.sendCustomAction).toHaveBeenCalledOnce();
    const event = JSON.parse((await (await attach("turn_0")).text()).replace("data: ", ""));
    expect(event).toEqual({ type: "error", code: "custom", message: en.api.interrupted, allow_retry: true });
  });
});

describe("an answer", () => {
  test.each([
    ["is loaded again when it was cut off, which stores what there is of it", en.api.interrupted, 1],
    ["is loaded again when its connection was lost", en.api.connectionLost, 1],
    ["keeps another error, which a load could remove", "The model is busy.", 0],
  ])("%s", async (_, message, loads) => {
    answers["/chatkit"] = () => stream(`data: ${JSON.stringify({ type: "error", message })}\n\n`);
    await (await post("threads.create", {})).text();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(element.fetchUpdates).toHaveBeenCalledTimes(loads);
  });
});

describe("[R1] an abort by ChatKit", () => {
  async function aborted(leave: (abort: () => void) => void) {
    answers["/chatkit/turns/turn_1/events"] = () => stream("data: so far\n\n");
    const abort = new AbortController();
    await attach("turn_1", { signal: abort.signal });
    leave(() => abort.abort());
    const signal = asked[0]?.init.signal as AbortSignal;
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    return signal.reason === LEFT ? "left" : "stopped";
  }

  test("is a stop", async () => {
    expect(await aborted((abort) => abort())).toBe("stopped");
  });

  test.each<[string, (abort: () => void) => void]>([
    [
      "before",
      (abort) => {
        answered.leaves();
        abort();
      },
    ],
    [
      "after",
      (abort) => {
        abort();
        setTimeout(answered.leaves, 50);
      },
    ],
  ])("is a leave immediately %s it turns to another thread", async (_, leave) => {
    expect(await aborted(leave)).toBe("left");
  });
});

describe("[R4] a message for a thread that another tab occupies (U26)", () => {
  const message = () => post("threads.add_user_message", { thread_id: "thr_1", input: {} });
  const busy = () =>
    Response.json({ message: "busy", request_id: "r", thread_id: "thr_1", turn_id: "turn_2" }, { status: 409 });

  test("is sent after the end of that turn", async () => {
    const statuses = [busy, () => stream("data: mine\n\n")];
    answers["/chatkit"] = () => statuses.shift()?.() as Response;
    answers["/chatkit/turns/turn_2/events"] = () => stream("data: other\n\n");
    expect(await (await message()).text()).toBe("data: mine\n\n");
    expect(paths()).toEqual(["/chatkit", "/chatkit/turns/turn_2/events", "/chatkit"]);
  });

  test("is refused with the server's reason if that turn cannot be read", async () => {
    answers["/chatkit"] = busy;
    answers["/chatkit/turns/turn_2/events"] = () => new Response(null, { status: 404 });
    expect((await message()).status).toBe(409);
  });
});

describe("a client tool", () => {
  async function called(status: number) {
    answers["/chatkit"] = calling;
    answers["/chatkit/turns/turn_1/tools/ctc_1"] = () => new Response("{}", { status });
    await (await post("threads.create", {})).text();
    const run = vi.fn(async () => ({ done: true }));
    return { result: await answered.tool("open_page", run), run };
  }

  test("[R1] runs here if its call is won", async () => {
    const { result, run } = await called(200);
    expect([result, run.mock.calls.length]).toEqual([{ done: true }, 1]);
    expect(paths()).toEqual(["/chatkit", "/chatkit/turns/turn_1/tools/ctc_1"]);
  });

  test("runs where the server has no turn ids, and so no other readers", async () => {
    answers["/chatkit"] = () => {
      const answer = calling();
      answer.headers.delete("x-turn-id");
      return answer;
    };
    await (await post("threads.create", {})).text();
    expect(await answered.tool("open_page", async () => ({ done: true }))).toEqual({ done: true });
    expect(paths()).toEqual(["/chatkit"]);
  });

  test.each([404, 409, 503])("[R1] does not run here otherwise, and sends no result (%i)", async (status) => {
    const { result, run } = await called(status);
    expect(run).not.toHaveBeenCalled();
    const answer = await post("threads.add_client_tool_output", { thread_id: "thr_1", result });
    expect([answer.status, await answer.text(), paths().length]).toEqual([200, "", 2]);
    await vi.waitFor(() => expect(element.fetchUpdates).toHaveBeenCalled(), 2_000);
  });
});
