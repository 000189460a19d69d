// @vitest-environment node
import { createParser } from "eventsource-parser";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Continuation, continued, type Kind, type Over } from "./continued-body";

/** A repeatable source of numbers in [0, 1). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

const type = "thread.item.updated";
const delta = (text: string) => ({ type: "assistant_message.content_part.text_delta", content_index: 0, delta: text });
const EVENTS = Array.from({ length: 60 }, (_, n) => JSON.stringify({ type, n, update: delta(`wörd${n} 😀 `) }));
const LOST = "data: LOST\n\n";
const head = { headers: { "content-type": "text/event-stream" } };
const data = (event: string) => `data: ${event}\n\n`;

/** A response with these bytes in chunks of random size, then a clean end or an error. */
function inChunks(text: string, random: () => number, { upTo = 1, clean = true } = {}): Response {
  const bytes = new TextEncoder().encode(text).slice(0, Math.ceil(upTo * new TextEncoder().encode(text).length));
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const size = 1 + Math.floor(random() * 900);
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at + size));
      else if (clean) controller.close();
      else controller.error(new Error("lost"));
      at += size;
    },
  });
  return new Response(body, head);
}

async function read(response: Response) {
  const got: string[] = [];
  const parser = createParser({ onEvent: (event) => got.push(event.data) });
  const raw = await response.text();
  parser.feed(raw);
  return { got, raw };
}

const instantly = async () => undefined;
const over = (endings: Over[]) => (how: Over) => {
  endings.push(how);
  return how === "lost" || how === "dead" ? LOST : undefined;
};

/** Continue `first` by `answers` in order; numbers stand for error responses. Returns what a reader saw. */
async function followed(first: string, answers: (string | number)[], kind: Kind = "live", number: number | null = 0) {
  const asked: (number | undefined)[] = [];
  const endings: Over[] = [];
  const ask = async (after: number | undefined) => {
    asked.push(after);
    const next = answers.shift() ?? 404;
    return typeof next === "number" ? new Response(null, { status: next }) : new Response(next, head);
  };
  const text = await continued(
    new Response(first, head),
    { ask, onOver: over(endings), wait: instantly },
    kind,
    number ?? undefined,
  ).text();
  return { text, asked, endings };
}

afterEach(() => void vi.unstubAllGlobals());

describe("a response that continues", () => {
  test("loses and doubles no event in 2,000 random schedules of cuts, polls and failures", async () => {
    const random = numbers(7);
    /** A body from `after`: live to the end, or the events of an interval; cut at any byte in 70 of 100 cases. */
    const bodyFrom = (after: number, live: boolean) => {
      const until = live ? EVENTS.length : Math.min(EVENTS.length, after + Math.floor(random() * 20));
      let text = random() < 0.5 ? `: at ${after}\n` : "";
      for (const event of EVENTS.slice(after, until)) text += (random() < 0.2 ? ": keep-alive\n" : "") + data(event);
      text += until === EVENTS.length ? ": end\n" : ": more 1000\n";
      return inChunks(text, random, { upTo: random() < 0.3 ? 1 : random(), clean: random() < 0.5 });
    };
    let resumed = 0;
    for (let schedule = 0; schedule < 2000; schedule++) {
      let failures = 0;
      const ask = async (after: number | undefined) => {
        resumed += 1;
        failures = random() < 0.3 ? failures + 1 : 0; // seven in a row at most: after eight, the page gives up
        if (failures > 0 && failures < 4) return new Response(null, { status: random() < 0.5 ? 503 : 429 });
        return bodyFrom(after ?? 0, random() < 0.3);
      };
      const endings: Over[] = [];
      const cuts = { wait: instantly, ask, onOver: over(endings) };
      const { got, raw } = await read(continued(bodyFrom(0, random() < 0.8), cuts, "live", 0));
      if (endings[0] === "lost") {
        expect(got.slice(0, -1)).toEqual(EVENTS.slice(0, got.length - 1)); // eight bodies without a whole event
        continue;
      }
      expect(got).toEqual(EVENTS);
      expect(raw).not.toMatch(/\n\n\n|^: (at|more|end|dead)/m); // ChatKit.js would take a blank line for an event
      expect(endings).toEqual(["ended"]);
    }
    expect(resumed).toBeGreaterThan(4000);
  }, 30_000);

  test.each<[string, string[], string]>([
    ["cleanly between two events", [data("a")], data("a")],
    ["within a line", [data("a"), "data: cut o"], data("a")],
    ["before an event's blank line", ["data: a\n"], data("a")],
    ["before its first byte", [], data("a")],
    ["after a comment", [data("a"), ": keep-alive\n"], `${data("a")}: keep-alive\n`],
  ])("goes on after it was cut %s", async (_, chunks, before) => {
    const after = chunks[0] === data("a") ? [data("b")] : [data("a"), data("b")];
    const { text, endings } = await followed(chunks.join(""), [`${after.join("")}: end\n`]);
    expect(text).toBe(before + data("b"));
    expect(endings).toEqual(["ended"]);
  });

  test("asks for the events that it has not seen, by the server's numbers", async () => {
    const { text, asked } = await followed(data("a") + data("b"), [`: at 7\n${data("c")}: more 5\n`, ": end\n"]);
    expect(text).toBe(data("a") + data("b") + data("c"));
    expect(asked).toEqual([2, 8]);
  });

  test("asks for what there is so far until the server has numbered it", async () => {
    const answers = [`${data("so far")}: at 9\n: more 5\n`, `${data("next")}: end\n`];
    const { asked } = await followed(data("so f"), answers, "polled", null);
    expect(asked).toEqual([undefined, 9]);
  });

  test("of a server without this route ends where its body ends", async () => {
    expect(await followed(data("a"), [404])).toEqual({ text: data("a"), asked: [1], endings: ["gone"] });
  });

  test.each([404, 410, 401])(
    "ends with the last event when the server answers %i to a reader of an interval",
    async (status) => {
      expect(await followed(`${data("a")}: more 5\n`, [status])).toEqual({
        text: data("a") + LOST,
        asked: [1],
        endings: ["lost"],
      });
    },
  );

  test("ends with the last event when the process of the turn has died", async () => {
    expect(await followed(data("a"), [": dead\n"])).toMatchObject({ text: data("a") + LOST, endings: ["dead"] });
  });

  test("gives up after eight failures in a row", async () => {
    const { text, asked, endings } = await followed(data("a"), Array(20).fill(503));
    expect([text, asked.length, endings]).toEqual([data("a") + LOST, 8, ["lost"]]);
  });

  test("goes on behind a body that falls silent without an end", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const silent = new ReadableStream<Uint8Array>({
        start: (stream) => stream.enqueue(new TextEncoder().encode(data("a"))),
      });
      const from = {
        ask: async () => new Response(`${data("b")}: end\n`, head),
        onOver: () => undefined,
        wait: instantly,
      };
      const text = continued(new Response(silent, head), from, "live", 0).text();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await text).toBe(data("a") + data("b"));
    } finally {
      vi.useRealTimers();
    }
  });

  test("waits for the network without using up attempts", async () => {
    const network = Object.assign(new EventTarget(), { onLine: false });
    vi.stubGlobal("navigator", network);
    vi.stubGlobal("addEventListener", network.addEventListener.bind(network));
    const endings: Over[] = [];
    const ask = vi.fn(async () => new Response(`${data("b")}: end\n`, head));
    const text = continued(new Response(data("a"), head), { ask, onOver: over(endings) }, "live", 0).text();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ask).not.toHaveBeenCalled();
    network.onLine = true;
    network.dispatchEvent(new Event("online"));
    expect(await text).toBe(data("a") + data("b"));
  });

  test("waits as long as a 429 says", async () => {
    const waits: number[] = [];
    const answers = [
      new Response(null, { status: 429, headers: { "retry-after": "7" } }),
      new Response(": end\n", head),
    ];
    const from: Continuation = {
      ask: async () => answers.shift() as Response,
      onOver: () => undefined,
      wait: async (ms) => void waits.push(ms),
    };
    await continued(new Response(data("a"), head), from, "live", 0).text();
    expect(waits).toContain(7000);
  });

  test("passes on the words of an interval evenly, and other events at once", async () => {
    const waits: number[] = [];
    const words = EVENTS.slice(0, 10).map(data).join("");
    const body = `${data("card")}${words}: more 1000\n`;
    const wait = async (ms: number) => {
      waits.push(ms);
      vi.setSystemTime(Date.now() + ms);
    };
    vi.useFakeTimers({ toFake: ["performance", "Date"] });
    try {
      const from = { ask: async () => new Response(": end\n", head), onOver: () => undefined, wait };
      await continued(new Response(body, head), from, "polled", 0).text();
    } finally {
      vi.useRealTimers();
    }
    expect(waits.length).toBeGreaterThanOrEqual(10);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1000);
  });

  test("passes on the words at once for a reader who wants no motion", async () => {
    vi.stubGlobal("matchMedia", () => ({ matches: true }));
    const waits: number[] = [];
    const from = {
      ask: async () => new Response(": end\n", head),
      onOver: () => undefined,
      wait: async (ms: number) => void waits.push(ms),
    };
    const body = `${EVENTS.slice(0, 10).map(data).join("")}: more 1000\n`;
    await continued(new Response(body, head), from, "polled", 0).text();
    expect(waits).toHaveLength(1);
  });

  test("ends when its reader leaves while it waits", async () => {
    const endings: Over[] = [];
    const ask = vi.fn(async () => new Response(": more 60000\n", head));
    const response = continued(new Response(data("a"), head), { ask, onOver: over(endings) }, "live", 0);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const next = reader.read();
    await vi.waitFor(() => expect(ask).toHaveBeenCalledOnce());
    await reader.cancel();
    expect((await next).done).toBe(true);
    expect(endings).toEqual(["left"]);
  });

  test("breaks when the user stops while it waits", async () => {
    const stop = new AbortController();
    const ask = vi.fn(async () => new Response(": more 60000\n", head));
    const from = { ask, onOver: () => undefined, signal: stop.signal };
    const text = continued(new Response(data("a"), head), from, "live", 0).text();
    await vi.waitFor(() => expect(ask).toHaveBeenCalledOnce());
    stop.abort();
    await expect(text).rejects.toThrow();
  });
});
