import type { ThreadStreamEvent } from "../wire";

export interface Received {
  type: string;
  params: Record<string, unknown>;
  metadata?: Record<string, unknown>;
  signal: AbortSignal | null | undefined;
}

type Handler = (request: Received) => Response | Promise<Response>;

/** A fake API with JSON responses, event streams and errors. Pass its `api` as the chat's `api` prop. */
export class FakeServer {
  readonly requests: Received[] = [];
  /** Requests outside of the protocol: uploads and mentions. */
  readonly others: { url: string; init: RequestInit }[] = [];
  /** The response to those requests. */
  other: (url: string, init: RequestInit) => Response = () => new Response("[]");
  private readonly handlers = new Map<string, Handler>();

  readonly api = async (url: string, init: RequestInit = {}): Promise<Response> => {
    if (url !== "/chatkit") {
      this.others.push({ url, init });
      return this.other(url, init);
    }
    const request = { ...JSON.parse(String(init.body)), signal: init.signal };
    this.requests.push(request);
    const handler = this.handlers.get(request.type);
    if (!handler) throw new Error(`no answer for ${request.type}`);
    return handler(request);
  };

  on(type: string, handler: Handler): this {
    this.handlers.set(type, handler);
    return this;
  }

  answers(type: string, body: unknown, headers: Record<string, string> = {}): this {
    return this.on(type, () => Response.json(body, { headers }));
  }

  /** Respond with all events at once. Several lists are used in order, one for each request. */
  streams(type: string, ...lists: ThreadStreamEvent[][]): this {
    let place = 0;
    return this.on(type, (request) => {
      const stream = new LiveStream(request.signal);
      for (const event of lists[Math.min(place++, lists.length - 1)] ?? []) stream.send(event);
      stream.end();
      return stream.response;
    });
  }

  /** Respond with a stream that the test fills. */
  live(type: string): Promise<LiveStream> {
    return new Promise((resolve) => {
      this.on(type, (request) => {
        const stream = new LiveStream(request.signal);
        resolve(stream);
        return stream.response;
      });
    });
  }

  of(type: string): Received[] {
    return this.requests.filter((request) => request.type === type);
  }
}

/** An event stream that the test fills, ends or breaks. Aborting the request breaks it, as with `fetch`. */
export class LiveStream {
  readonly response: Response;
  private to!: ReadableStreamDefaultController<Uint8Array>;

  /** Whether the reader has cancelled it. */
  left = false;

  constructor(signal?: AbortSignal | null, turnId?: string) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.to = controller;
      },
      cancel: () => {
        this.left = true;
      },
    });
    const headers = {
      "content-type": "text/event-stream; charset=utf-8",
      "x-request-id": "req_stream",
      ...(turnId && { "x-turn-id": turnId }),
    };
    this.response = new Response(body, { headers });
    signal?.addEventListener("abort", () => this.to.error(signal.reason));
  }

  send(event: ThreadStreamEvent): void {
    this.write(`data: ${JSON.stringify(event)}\n\n`);
  }

  write(text: string | Uint8Array): void {
    this.to.enqueue(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }

  end(): void {
    this.to.close();
  }

  break(): void {
    this.to.error(new TypeError("network error"));
  }
}

/** An error response in the API's format. */
export function refusal(status: number, message: string, more: object = {}): Response {
  return Response.json({ message, request_id: "req_refused", ...more }, { status });
}
