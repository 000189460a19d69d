// @vitest-environment node
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Arrived, end, json, LocalServer, stream } from "../testing/local-server";
import { en } from "../words/en";
import { type ApiFetch, createApiFetch } from "./api-fetch";
import { SessionEndedError, type TokenSource } from "./authorized-fetch";
import { LEFT } from "./turn-fetch";

const HELLO = JSON.stringify({ type: "threads.create", params: { input: { content: "hello" } } });
const LIST = JSON.stringify({ type: "threads.list", params: {} });
const post = (body: BodyInit, more: RequestInit = {}): RequestInit => ({ method: "POST", body, ...more });

function sha256(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

/** Tokens that start with `first` and continue with `second` when `first` is refused. */
class Tokens implements TokenSource {
  token = "first";
  ended = false;
  renewals = 0;

  async current() {
    if (this.ended) throw new SessionEndedError();
    return this.token;
  }

  async renewed() {
    this.renewals += 1;
    this.token = "second";
    return this.token;
  }

  end() {
    this.ended = true;
  }
}

let server: LocalServer;
let tokens: Tokens;
let api: ApiFetch;

beforeEach(async () => {
  server = await LocalServer.start((_, response) => json(response, 200, {}));
  vi.stubGlobal("location", new URL(`${server.url}/page`));
  vi.stubGlobal("navigator", { onLine: true });
  tokens = new Tokens();
  api = createApiFetch({ apiUrl: "/chatkit", tokens, words: () => en });
});

afterEach(async () => {
  vi.unstubAllGlobals();
  await server.stop();
});

/** Respond to POSTs of turns with `answer`, and to requests for the events of a turn as a server that has none. */
function onTurn(answer: (response: ServerResponse) => void): void {
  server.handle = ({ method }, response) =>
    method === "GET" ? json(response, 404, { message: "unknown turn", request_id: "r" }) : answer(response);
}

/** Respond to turns with an open stream and to other requests at once. Returns the open streams. */
function openStreams(): ServerResponse[] {
  const open: ServerResponse[] = [];
  server.handle = ({ path }, response) => {
    if (path === "/chatkit") open.push(stream(response, { type: "thread.created" }));
    else json(response, 202, {});
  };
  return open;
}

const cancelled = (turnId: unknown) => `POST /chatkit/turns/${turnId}/cancel`;
/** The turn ids of the POSTs so far. */
const posts = () =>
  server.arrived
    .filter(({ method, path }) => method === "POST" && path === "/chatkit")
    .map(({ headers }) => headers["x-turn-id"]);
const turnIdOf = (index: number) => server.arrived[index]?.headers["x-turn-id"];
/** Wait until the server has received `count` requests. */
const seen = (count: number) => vi.waitFor(() => expect(server.arrived).toHaveLength(count));

describe("a request to the API", () => {
  test("carries the token and the hash of its body", async () => {
    await api("/chatkit", post(LIST, { headers: { "Content-Type": "application/json", "Accept-Language": "de" } }));

    const [{ headers, body }] = server.arrived as [(typeof server.arrived)[0]];
    expect(body.toString()).toBe(LIST);
    expect(headers).toMatchObject({
      "x-auth-token": "first",
      "x-amz-content-sha256": sha256(body),
      "content-type": "application/json",
      "accept-language": "de",
    });
    expect(headers.authorization).toBeUndefined();
    expect(headers["x-turn-id"]).toBeUndefined();
  });

  test.each<[string, () => BodyInit, string | RegExp]>([
    ["text", () => "grüße", "text/plain;charset=UTF-8"],
    ["a blob", () => new Blob([new Uint8Array([0, 255, 10])], { type: "image/png" }), "image/png"],
    ["bytes", () => new Uint8Array([1, 2, 3]), /^$/],
    ["fields", () => new URLSearchParams({ a: "ä" }), "application/x-www-form-urlencoded;charset=UTF-8"],
  ])("accepts %s as its body", async (_, body, type) => {
    await api("/chatkit", post(body()));

    const { headers, body: arrived } = server.arrived[0] as (typeof server.arrived)[0];
    expect(headers["x-amz-content-sha256"]).toBe(sha256(arrived));
    expect(headers["content-type"] ?? "").toMatch(type);
  });

  test("sends a form with its own boundary, despite the caller's content type", async () => {
    const form = new FormData();
    form.append("file", new File(["bytes"], "note.txt", { type: "text/plain" }));

    await api("/chatkit/attachments", post(form, { headers: { "content-type": "multipart/form-data" } }));

    const { headers, body } = server.arrived[0] as (typeof server.arrived)[0];
    expect(headers["x-amz-content-sha256"]).toBe(sha256(body));
    const boundary = /boundary=(.+)$/.exec(headers["content-type"] ?? "")?.[1];
    expect(body.toString()).toContain(`--${boundary}`);
    expect(body.toString()).toContain('filename="note.txt"');
  });

  test("without a body has no hash", async () => {
    await api("/chatkit/entities?q=a");

    expect(server.arrived[0]?.headers["x-amz-content-sha256"]).toBeUndefined();
    expect(server.arrived[0]?.headers["x-auth-token"]).toBe("first");
  });
});

test("a redirect is not followed, so the token stays with the API", async () => {
  server.handle = ({ path }, response) =>
    path === "/chatkit" ? void response.writeHead(307, { location: "/elsewhere" }).end() : json(response, 200, {});

  const answer = await api("/chatkit", post(LIST));

  expect([answer.status, server.paths()]).toEqual([503, ["POST /chatkit"]]);
});

describe("a refused token", () => {
  beforeEach(() => {
    server.handle = ({ headers }, response) =>
      headers["x-auth-token"] === "second" ? end(stream(response)) : json(response, 401, { message: "expired" });
  });

  test("is renewed, and the turn retried with the same id", async () => {
    const answer = await api("/chatkit", post(HELLO));

    expect(answer.status).toBe(200);
    expect(server.arrived.map(({ headers }) => headers["x-auth-token"])).toEqual(["first", "second"]);
    expect(turnIdOf(1)).toBe(turnIdOf(0));
    expect(server.arrived[1]?.body.toString()).toBe(HELLO);
  });

  test("ends the session when the renewed token is refused, too", async () => {
    server.handle = (_, response) => json(response, 401, { message: "who are you?" });

    const answer = await api("/chatkit", post(LIST));

    expect([answer.status, tokens.ended, server.arrived.length]).toEqual([401, true, 2]);
    expect(await answer.json()).toEqual({ message: en.api.status(401) });
  });

  test("becomes a clear message when the session has ended", async () => {
    tokens.end();

    const answer = await api("/chatkit", post(LIST));

    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({ message: en.api.sessionEnded });
    expect(server.arrived).toEqual([]);
  });
});

describe("a turn", () => {
  test("with the same text twice is two turns", async () => {
    server.handle = (_, response) => end(stream(response));
    for (let time = 0; time < 2; time += 1) await (await api("/chatkit", post(HELLO))).text();

    expect(turnIdOf(0)).toMatch(/^[\w-]{8,64}$/);
    expect(turnIdOf(1)).not.toBe(turnIdOf(0));
  });

  test("keeps its id in a retry after a 5xx", async () => {
    const answers = [503, 500, 500, 500, 200];
    onTurn((response) => {
      const status = answers.shift() ?? 200;
      return status === 200 ? end(stream(response)) : json(response, status, { message: "no", request_id: "r" });
    });
    const statuses: number[] = [];
    for (let time = 0; time < 3; time += 1) {
      const answer = await api("/chatkit", post(HELLO));
      await answer.text();
      statuses.push(answer.status);
    }

    const ids = posts();
    expect(statuses).toEqual([500, 200, 200]);
    expect(ids.slice(0, 5)).toEqual(Array(5).fill(ids[0]));
    expect(ids[5]).not.toBe(ids[0]);
  });

  test("keeps its id after a 200 without a stream, which becomes a 502", async () => {
    server.handle = (_, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>hotel wifi");

    const answers = [await api("/chatkit", post(HELLO)), await api("/chatkit", post(HELLO))];

    expect(answers.map(({ status }) => status)).toEqual([502, 502]);
    expect(await answers[0]?.json()).toEqual({ message: en.api.status(502) });
    expect(turnIdOf(1)).toBe(turnIdOf(0));
  });

  test("keeps its id without a response", async () => {
    server.handle = (_, response) => void response.destroy();
    const answer = await api("/chatkit", post(HELLO));
    server.handle = (_, response) => end(stream(response));
    await api("/chatkit", post(HELLO));

    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ message: en.api.unreachable });
    expect(turnIdOf(server.arrived.length - 1)).toBe(turnIdOf(0));
  });

  test("keeps its id when the connection breaks while sending: the server may have it", async () => {
    vi.stubGlobal("navigator", { onLine: false });
    server.handle = (_, response) => void response.destroy();
    expect((await api("/chatkit", post(HELLO))).status).toBe(408);
    server.handle = (_, response) => end(stream(response));
    await api("/chatkit", post(HELLO));

    expect(turnIdOf(server.arrived.length - 1)).toBe(turnIdOf(0));
  });

  test("gets a new id after a 4xx, which started no turn", async () => {
    server.handle = (_, response) => json(response, 409, { message: "closed", request_id: "r" });
    for (let time = 0; time < 2; time += 1) await api("/chatkit", post(HELLO));

    expect(turnIdOf(1)).not.toBe(turnIdOf(0));
  });

  test("gets a new id while a turn with the same text is running", async () => {
    const open = openStreams();
    const [one, two] = await Promise.all([api("/chatkit", post(HELLO)), api("/chatkit", post(HELLO))]);
    for (const each of open) end(each);
    await Promise.all([one.text(), two.text()]);

    expect(turnIdOf(1)).not.toBe(turnIdOf(0));
  });

  test("streams its events as they arrive", async () => {
    const open = openStreams();
    const reader = ((await api("/chatkit", post(HELLO))).body as ReadableStream<Uint8Array>).getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value);

    expect(await next()).toBe('data: {"type":"thread.created"}\n\n');
    open[0]?.write(": keep-alive\n");
    expect(await next()).toBe(": keep-alive\n");
    open[0]?.end("data: 2\n\n: end\n");
    expect(await next()).toBe("data: 2\n\n");
    expect((await reader.read()).done).toBe(true);
  });

  test("ends with an error event when its connection is lost and the server cannot continue it", async () => {
    const open = openStreams();
    const { handle } = server;
    server.handle = (arrived, response) =>
      arrived.method === "GET" ? json(response, 404, {}) : handle(arrived, response);
    const answer = await api("/chatkit", post(HELLO));
    const text = answer.text();
    open[0]?.write('data: {"type":"a"}\n', () => open[0]?.write('\ndata: {"type":"cut o', () => open[0]?.destroy()));

    const events = (await text).split("\n\n").filter(Boolean);
    expect(events.slice(0, 2)).toEqual(['data: {"type":"thread.created"}', 'data: {"type":"a"}']);
    expect(JSON.parse((events[2] as string).replace("data: ", ""))).toEqual({
      type: "error",
      code: "custom",
      message: en.api.connectionLost,
      allow_retry: false,
    });
    expect(server.paths().slice(1)).toEqual([`GET /chatkit/turns/${turnIdOf(0)}/events?after=2`]); // and no cancel request
  });
});

/** A server that knows the events of the turns it received: it answers a request for them with what follows. */
function knowing(post: (response: ServerResponse, arrived: Arrived) => void, ...parts: string[]): void {
  server.handle = (arrived, response) => {
    if (arrived.method === "POST") return post(response, arrived);
    response.writeHead(200, { "content-type": "text/event-stream" }).end(parts.shift() ?? ": end\n");
  };
}

const events = (turnId: unknown, after: number) => `GET /chatkit/turns/${turnId}/events?after=${after}`;

describe("a turn whose answer was lost", () => {
  test("is read on from where its body was cut", async () => {
    knowing(
      (response) => void stream(response, { n: 0 }).end(),
      'data: {"n":1}\n\n: more 1\n',
      'data: {"n":2}\n\n: end\n',
    );
    const answer = await api("/chatkit", post(HELLO));

    expect(await answer.text()).toBe('data: {"n":0}\n\ndata: {"n":1}\n\ndata: {"n":2}\n\n');
    expect(server.paths()).toEqual(["POST /chatkit", events(turnIdOf(0), 1), events(turnIdOf(0), 2)]);
    expect(server.arrived[1]?.headers["x-auth-token"]).toBe("first");
  });

  test.each<[string, (response: ServerResponse, arrived: Arrived) => void]>([
    ["gets no answer", (response) => void response.destroy()],
    ["gets a 502", (response) => json(response, 502, {})],
    [
      "occupies its thread itself",
      (response, { headers }) =>
        json(response, 409, { message: "busy", request_id: "r", thread_id: "thr", turn_id: headers["x-turn-id"] }),
    ],
    [
      "was received before",
      (response) => json(response, 409, { message: "repeated", request_id: "r", thread_id: "thr" }),
    ],
  ])("is read from its first event when its request %s", async (_, refuse) => {
    knowing(refuse, 'data: {"n":0}\n\n: end\n');
    const answer = await api("/chatkit", post(HELLO));

    expect(await answer.text()).toBe('data: {"n":0}\n\n');
    expect(server.paths()).toEqual(["POST /chatkit", events(turnIdOf(0), 0)]);
  });

  test("is sent again with the same id if the server does not know it", async () => {
    const answers = [
      (response: ServerResponse) => void response.destroy(),
      (response: ServerResponse) => end(stream(response)),
    ];
    onTurn((response) => answers.shift()?.(response));
    expect((await api("/chatkit", post(HELLO))).status).toBe(200);

    expect(posts()).toHaveLength(2);
    expect(posts()[1]).toBe(posts()[0]);
  });

  test("is sent with a new id if it died before its message was stored", async () => {
    const answers = [409, 200];
    onTurn((response) =>
      answers.shift() === 409
        ? json(response, 409, { message: "died", request_id: "r", thread_id: "thr", turn_id: "turn_x", resend: true })
        : end(stream(response)),
    );
    expect((await api("/chatkit", post(HELLO))).status).toBe(200);

    expect(posts()).toHaveLength(2);
    expect(posts()[1]).not.toBe(posts()[0]);
  });

  test("is refused while another turn occupies its thread", async () => {
    const busy = { message: "busy", request_id: "r", thread_id: "thr", turn_id: "turn_other" };
    onTurn((response) => json(response, 409, busy));
    const answer = await api("/chatkit", post(HELLO));

    expect([answer.status, await answer.json(), server.paths()]).toEqual([409, busy, ["POST /chatkit"]]);
  });

  test("is stopped by its own id while it is read on", async () => {
    server.handle = ({ path, method }, response) => {
      if (path === "/chatkit") stream(response, { n: 0 }).end();
      else if (method === "GET") response.writeHead(200, { "content-type": "text/event-stream" }).end(": more 60000\n");
      else json(response, 202, {});
    };
    const stop = new AbortController();
    const text = (await api("/chatkit", post(HELLO, { signal: stop.signal }))).text();
    await seen(2);
    stop.abort();

    await expect(text).rejects.toThrow();
    await seen(3);
    expect(server.paths()[2]).toBe(cancelled(turnIdOf(0)));
  });
});

describe("a reader of a running turn", () => {
  const attach = (signal: AbortSignal | null = null) => api("/chatkit/turns/turn_12345/events", { signal });

  test("gets the answer so far and the rest", async () => {
    const parts = ['data: "so far"\n\n: at 9\n: more 1\n', 'data: "rest"\n\n: end\n'];
    knowing(() => undefined, ...parts);
    const answer = await attach();

    expect(await answer.text()).toBe('data: "so far"\n\ndata: "rest"\n\n');
    expect(server.paths()).toEqual(["GET /chatkit/turns/turn_12345/events", events("turn_12345", 9)]);
  });

  test("stops the turn that it reads, and nothing when it leaves", async () => {
    server.handle = ({ method }, response) => {
      if (method === "POST") return json(response, 202, {});
      response.writeHead(200, { "content-type": "text/event-stream" }).end(": at 9\n: more 60000\n");
    };
    const stop = new AbortController();
    const left = await attach();
    const stopped = await attach(stop.signal);
    await left.body?.cancel();
    stop.abort();
    await expect(stopped.text()).rejects.toThrow();
    await seen(3);

    expect(server.paths()[2]).toBe(cancelled("turn_12345"));
  });

  test("stops nothing when it leaves by LEFT", async () => {
    server.handle = (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).end(": at 9\n: more 60000\n");
    };
    const leave = new AbortController();
    const left = await attach(leave.signal);
    leave.abort(LEFT);
    await expect(left.text()).rejects.toBe(LEFT);
    server.handle = (_, response) => json(response, 200, {});
    await api("/chatkit", post(LIST));

    expect(server.paths()).not.toContain(cancelled("turn_12345"));
  });

  test("gets the server's refusal", async () => {
    server.handle = (_, response) => json(response, 404, { message: "gone", request_id: "r" });

    expect((await attach()).status).toBe(404);
  });
});

describe("a cancel request", () => {
  test("is sent with token and hash when a stream is aborted", async () => {
    openStreams();
    const abort = new AbortController();
    const answer = await api("/chatkit", post(HELLO, { signal: abort.signal }));
    abort.abort();

    await expect(answer.text()).rejects.toThrow();
    await seen(2);
    expect(server.paths()[1]).toBe(cancelled(turnIdOf(0)));
    expect(server.arrived[1]?.headers).toMatchObject({
      "x-auth-token": "first",
      "x-amz-content-sha256": sha256(Buffer.alloc(0)),
    });
  });

  test("is sent when the request is aborted before its response", async () => {
    server.handle = ({ path }, response) => {
      if (path === "/chatkit") abort.abort();
      else json(response, 202, {});
    };
    const abort = new AbortController();

    await expect(api("/chatkit", post(HELLO, { signal: abort.signal }))).rejects.toThrow();
    await seen(2);
    expect(server.paths()[1]).toBe(cancelled(turnIdOf(0)));
  });

  test.each([
    ["leaves the stream", (answer: Response) => answer.body?.cancel()],
    ["leaves by its signal", (_: Response, leave: AbortController) => leave.abort(LEFT)],
  ])("is not sent when the reader %s", async (_, leave) => {
    openStreams();
    const abort = new AbortController();
    const answer = await api("/chatkit", post(HELLO, { signal: abort.signal }));
    await leave(answer, abort);
    await api("/chatkit/entities");

    expect(server.paths()).toEqual(["POST /chatkit", "GET /chatkit/entities"]);
  });

  test("is not sent before the request or after its end", async () => {
    server.handle = (_, response) => end(stream(response));
    const late = new AbortController();
    await (await api("/chatkit", post(HELLO, { signal: late.signal }))).text();
    late.abort();
    await expect(api("/chatkit", post(HELLO, { signal: AbortSignal.abort() }))).rejects.toThrow();
    const waiting = new AbortController();
    const token = Promise.withResolvers<string>();
    tokens.current = () => token.promise;
    const early = api("/chatkit", post(HELLO, { signal: waiting.signal }));
    await new Promise((resolve) => setTimeout(resolve));
    waiting.abort();
    token.resolve("first");
    await expect(early).rejects.toThrow();
    await api("/chatkit/entities");

    expect(server.paths()).toEqual(["POST /chatkit", "GET /chatkit/entities"]);
  });

  test("names only the aborted one of two turns", async () => {
    const open = openStreams();
    const abort = new AbortController();
    const stopped = await api("/chatkit", post(HELLO, { signal: abort.signal }));
    const other = await api("/chatkit", post(HELLO, { signal: new AbortController().signal }));
    abort.abort();
    await expect(stopped.text()).rejects.toThrow();
    await seen(3);
    open[1]?.end("data: last\n\n: end\n");

    expect(await other.text()).toContain("data: last");
    expect(server.paths().slice(2)).toEqual([cancelled(turnIdOf(0))]);
  });

  test("is not sent for a request other than a turn", async () => {
    const abort = new AbortController();
    server.handle = () => abort.abort();

    await expect(api("/chatkit", post(LIST, { signal: abort.signal }))).rejects.toThrow();
    server.handle = (_, response) => json(response, 200, {});
    await api("/chatkit/entities");

    expect(server.paths()).toEqual(["POST /chatkit", "GET /chatkit/entities"]);
  });

  test("is sent without keepalive when the browser refuses keepalive", async () => {
    openStreams();
    const real = fetch;
    vi.stubGlobal("fetch", (url: URL, init: RequestInit) =>
      init.keepalive ? Promise.reject(new TypeError("keepalive quota exceeded")) : real(url, init),
    );
    const abort = new AbortController();
    await api("/chatkit", post(HELLO, { signal: abort.signal }));
    abort.abort();

    await seen(2);
    expect(server.paths()[1]).toBe(cancelled(turnIdOf(0)));
  });
});

describe("an error response", () => {
  test("of the API is passed on unchanged", async () => {
    const refused = { message: "this conversation is closed", request_id: "r-1" };
    server.handle = (_, response) => json(response, 409, refused, { "x-request-id": "r-1" });

    const answer = await api("/chatkit", post(HELLO));

    expect([answer.status, answer.headers.get("x-request-id")]).toEqual([409, "r-1"]);
    expect(await answer.json()).toEqual(refused);
  });

  test("of a rate limit says once when to retry", async () => {
    const message = "Limit reached. Try again in 41 seconds.";
    server.handle = (_, response) => json(response, 429, { message, request_id: "r" }, { "retry-after": "41" });

    const answer = await api("/chatkit", post(HELLO));

    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "41"]);
    expect(await answer.json()).toEqual({ message, request_id: "r" });
  });

  test.each([
    [502, "text/html", "<h1>Bad gateway</h1>"],
    [403, "text/xml", "<Error><Code>AccessDenied</Code></Error>"],
    [429, "application/json", '{"Reason":"ConcurrentInvocationLimitExceeded","message":"Rate Exceeded."}'],
    [413, "application/json", '{"message":null}'],
  ])("of an AWS service (%i) becomes a readable message", async (status, type, body) => {
    server.handle = (_, response) => void response.writeHead(status, { "content-type": type }).end(body);

    const answer = await api("/chatkit", post(HELLO));

    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({ message: en.api.status(status) });
  });

  test("while offline is one that ChatKit.js does not retry", async () => {
    vi.stubGlobal("navigator", { onLine: false });
    server.handle = (_, response) => void response.destroy();

    const answer = await api("/chatkit", post(HELLO));

    expect(answer.status).toBe(408);
    expect(await answer.json()).toEqual({ message: en.api.offline });
  });
});

describe("an upload to another origin", () => {
  let bucket: LocalServer;

  beforeEach(async () => {
    bucket = await LocalServer.start((_, response) => void response.writeHead(200).end());
  });
  afterEach(() => bucket.stop());

  const signed = () =>
    `${bucket.url}/pending/file?X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost&X-Amz-Signature=s`;
  const headers = {
    "Content-Type": "image/png",
    "chatkit-frame-instance-id": "frame",
    "x-auth-token": "secret",
    "x-amz-acl": "public-read",
    Accept: "*/*",
  };

  test("carries the signed headers only", async () => {
    const answer = await api(signed(), { method: "PUT", body: new Blob(["bytes"]), headers });

    const { headers: sent, body } = bucket.arrived[0] as (typeof bucket.arrived)[0];
    expect(answer.status).toBe(200);
    expect(body.toString()).toBe("bytes");
    expect(sent).toMatchObject({ "content-type": "image/png", "content-length": "5" });
    for (const name of ["chatkit-frame-instance-id", "x-auth-token", "x-amz-acl", "x-amz-content-sha256", "cookie"]) {
      expect(sent[name]).toBeUndefined();
    }
    expect(server.arrived).toEqual([]);
  });

  test("carries no token when its path looks like the API's", async () => {
    await api(`${bucket.url}/chatkit`, post(HELLO, { headers }));

    expect(bucket.arrived[0]?.headers["x-auth-token"]).toBeUndefined();
  });

  test("becomes a readable message when the bucket refuses it", async () => {
    bucket.handle = (_, response) =>
      void response.writeHead(403, { "content-type": "application/xml" }).end("<Error/>");

    const answer = await api(signed(), { method: "PUT", body: "x", headers });

    expect(await answer.json()).toEqual({ message: en.api.status(403) });
  });

  test("carries no token to a path outside the API on this origin", async () => {
    await api("/chatkitten");

    expect(server.arrived[0]?.headers["x-auth-token"]).toBeUndefined();
  });
});
