/**
 * Client for ChatKit's protocol over the page's `fetch`.
 *
 *     const client = new ChatClient(api, "/chatkit");
 *     const page = await client.call("threads.list", { limit: 20, order: "desc" });
 *     const stream = await client.stream(request, signal);
 *     for await (const event of stream.events) …
 */
import { createParser } from "eventsource-parser";
import type { Fetch } from "./props";
import { RunningTurns } from "./running-turns";
import type { Attachment, Calls, Entity, SearchPage, StreamingRequest, ThreadStreamEvent } from "./wire";
import { words } from "./words";

/** 4xx statuses after which a retry can succeed. The page's `fetch` returns 408 when offline. */
const TEMPORARY = [408, 429];

/** Requests whose responses list the running turns. */
const LISTING = new Set(["threads.get_by_id", "threads.list", "items.list"]);

/** A failed request. `status` is 0 without a response. */
export class RequestError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly requestId?: string | undefined,
    /** Thread that has the response, if the server received this message before. */
    readonly threadId?: string | undefined,
    /** The turn that occupies the thread; null if it ended in the same moment. */
    readonly busy?: string | null | undefined,
    /** The attachment at fault. */
    readonly fileId?: string | undefined,
  ) {
    super(message);
  }

  /** Whether the server rejected the request, so that a retry gets the same response. */
  get refused(): boolean {
    return this.status >= 400 && this.status < 500 && !TEMPORARY.includes(this.status);
  }
}

export interface EventStream {
  requestId: string | undefined;
  turnId: string | undefined;
  events: AsyncGenerator<ThreadStreamEvent>;
  /** Stop reading. The turn goes on. */
  leave(): void;
  left: boolean;
}

export class ChatClient {
  readonly turns = new RunningTurns();

  constructor(
    private readonly api: Fetch,
    private readonly url: string,
  ) {}

  /** `metadata` is for what ChatKit's protocol does not have. Raises RequestError. */
  async call<T extends keyof Calls>(type: T, params: Calls[T][0], metadata?: object): Promise<Calls[T][1]> {
    return (await this.called(type, params, metadata)).json();
  }

  /** Load a thread. `interrupted`: its last answer was cut off on the server. Raises RequestError. */
  async thread(id: string): Promise<{ thread: Calls["threads.get_by_id"][1]; interrupted: boolean }> {
    const response = await this.called("threads.get_by_id", { thread_id: id }, { feedback: true });
    return { thread: await response.json(), interrupted: response.headers.has("x-turn-interrupted") };
  }

  /** Raises RequestError before the first event; the events raise when the connection breaks or `signal` aborts. */
  async stream(request: StreamingRequest, signal: AbortSignal): Promise<EventStream> {
    return streamOf(await this.post(request, "text/event-stream", signal));
  }

  /** Read a running turn: its answer so far and the rest. Raises as `stream`. */
  async attach(turnId: string, signal: AbortSignal): Promise<EventStream> {
    const response = await this.reached(`${this.url}/turns/${turnId}/events`, { signal });
    if (!response.ok) throw await refusal(response);
    return streamOf(response);
  }

  /**
   * Ask for the right to run a client tool, which one reader of the turn gets. Raises RequestError, also if the server
   * does not know the turn or the call any more: another reader may have run it.
   */
  async win(turnId: string, callId: string): Promise<boolean> {
    const response = await this.reached(`${this.url}/turns/${turnId}/tools/${callId}`, { method: "POST" });
    if (response.ok) return true;
    if (response.status === 409) return false;
    throw await refusal(response);
  }

  /** Upload a file to the URL from `attachments.create`. Raises RequestError. */
  async upload(attachment: Attachment, file: Blob, signal: AbortSignal): Promise<void> {
    const to = attachment.upload_descriptor;
    if (!to) return;
    const response = await this.reached(to.url, { method: to.method, headers: to.headers, body: file, signal });
    if (!response.ok) throw new RequestError(words().uploadFailed, response.status);
  }

  async entities(query: string, signal: AbortSignal): Promise<Entity[]> {
    const response = await this.reached(`${this.url}/entities?q=${encodeURIComponent(query)}`, { signal });
    return response.ok ? response.json() : [];
  }

  /** Return a URL that opens a sent file for a few minutes. Raises RequestError. */
  async fileUrl(id: string): Promise<string> {
    const response = await this.reached(`${this.url}/attachments/${encodeURIComponent(id)}`, {});
    if (!response.ok) throw await refusal(response);
    return (await response.json()).url;
  }

  /** Search the user's threads; `after` continues a search. Raises RequestError. */
  async search(query: string, after: string | null, signal: AbortSignal): Promise<SearchPage> {
    const parameters = new URLSearchParams({ q: query, ...(after && { after }) });
    const response = await this.reached(`${this.url}/search?${parameters}`, { signal });
    if (!response.ok) throw await refusal(response);
    return response.json();
  }

  private async called(type: keyof Calls, params: object, metadata?: object): Promise<Response> {
    const response = await this.post({ type, params, ...(metadata && { metadata }) }, "application/json");
    if (LISTING.has(type)) this.turns.listed(response.headers.get("x-turns-running"));
    return response;
  }

  private async post(body: object, accept: string, signal?: AbortSignal): Promise<Response> {
    const headers = { "content-type": "application/json", accept };
    const response = await this.reached(this.url, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  private async reached(url: string, init: RequestInit): Promise<Response> {
    try {
      return await this.api(url, init);
    } catch (error) {
      if (init.signal?.aborted) throw error;
      const known = error instanceof Error && !(error instanceof TypeError) && error.message;
      throw new RequestError(known || words().unreachable, 0);
    }
  }
}

function streamOf({ body, headers }: Response): EventStream {
  const requestId = headers.get("x-request-id") ?? undefined;
  if (!body || !headers.get("content-type")?.includes("text/event-stream")) {
    throw new RequestError(words().unreadable, 502, requestId);
  }
  const reader = body.getReader();
  return {
    requestId,
    turnId: headers.get("x-turn-id") ?? undefined,
    events: eventsOf(reader),
    left: false,
    leave() {
      this.left = true;
      void reader.cancel().catch(() => {});
    },
  };
}

async function refusal(response: Response): Promise<RequestError> {
  const body = await response.json().catch(() => null);
  const text = (value: unknown) => (typeof value === "string" && value ? value : undefined);
  const busy: unknown = response.status === 409 ? Object(body).turn_id : undefined;
  return new RequestError(
    text(body?.message) ?? words().status(response.status),
    response.status,
    text(body?.request_id) ?? response.headers.get("x-request-id") ?? undefined,
    busy === undefined ? text(body?.thread_id) : undefined,
    busy === null ? null : text(busy),
    text(body?.attachment_id),
  );
}

/** Yield the events of a stream, independent of chunk boundaries. Skips comments and invalid events. */
async function* eventsOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<ThreadStreamEvent> {
  const waiting: ThreadStreamEvent[] = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      const event = parsed(data);
      if (event) waiting.push(event);
    },
  });
  const decoder = new TextDecoder();
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      parser.feed(decoder.decode(chunk.value, { stream: true }));
      yield* waiting.splice(0);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(data: string): ThreadStreamEvent | null {
  try {
    const event = JSON.parse(data);
    return typeof event?.type === "string" ? event : null;
  } catch {
    return null;
  }
}
