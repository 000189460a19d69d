/**
 * Requests of ChatKit's protocol over the app's own `fetch`.
 *
 *     const client = new ChatClient(api, "/chatkit");
 *     const page = await client.call("threads.list", { limit: 20, order: "desc" });
 *     const stream = await client.stream(request, signal);
 *     for await (const event of stream.events) …
 */
import { createParser } from "eventsource-parser";
import type { Fetch } from "./props";
import type { Attachment, Calls, Entity, StreamingRequest, ThreadStreamEvent } from "./wire";
import { words } from "./words";

/** Statuses below 500 after which the same request may succeed; the page's `fetch` returns 408 when offline. */
const TEMPORARY = [408, 429];

/** A request was not carried out; `status` is 0 when no answer came. */
export class RequestError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly requestId?: string | undefined,
    /** Where the answer is, when this message was received before. */
    readonly threadId?: string | undefined,
  ) {
    super(message);
  }

  /** The server said no: the same again gets the same answer. (Offline nobody said anything, and it may have arrived.) */
  get refused(): boolean {
    return this.status >= 400 && this.status < 500 && !TEMPORARY.includes(this.status);
  }
}

export interface EventStream {
  requestId: string | undefined;
  events: AsyncGenerator<ThreadStreamEvent>;
}

export class ChatClient {
  constructor(
    private readonly api: Fetch,
    private readonly url: string,
  ) {}

  /** Raises RequestError. */
  async call<T extends keyof Calls>(type: T, params: Calls[T][0]): Promise<Calls[T][1]> {
    const response = await this.post({ type, params }, "application/json");
    return response.json();
  }

  /** Raises RequestError before the first event; the events raise when the connection breaks or `signal` aborts. */
  async stream(request: StreamingRequest, signal: AbortSignal): Promise<EventStream> {
    const response = await this.post(request, "text/event-stream", signal);
    const requestId = response.headers.get("x-request-id") ?? undefined;
    if (!response.body || !response.headers.get("content-type")?.includes("text/event-stream")) {
      throw new RequestError(words().unreadable, 502, requestId);
    }
    return { requestId, events: eventsOf(response.body) };
  }

  /** Puts a file's bytes where `attachments.create` said. Raises RequestError. */
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

async function refusal(response: Response): Promise<RequestError> {
  const body = await response.json().catch(() => null);
  const text = (value: unknown) => (typeof value === "string" && value ? value : undefined);
  return new RequestError(
    text(body?.message) ?? words().status(response.status),
    response.status,
    text(body?.request_id) ?? response.headers.get("x-request-id") ?? undefined,
    text(body?.thread_id),
  );
}

/** Yields the events of a stream however its bytes are cut; comments and what is no event are passed over. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ThreadStreamEvent> {
  const waiting: ThreadStreamEvent[] = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      const event = parsed(data);
      if (event) waiting.push(event);
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
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
