import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A received request. */
export interface Arrived {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export type Handler = (arrived: Arrived, response: ServerResponse) => void | Promise<void>;

/** A real HTTP server for tests of the bytes on the wire. `arrived` records the requests in order. */
export class LocalServer {
  readonly arrived: Arrived[] = [];
  handle: Handler;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  constructor(handle: Handler) {
    this.handle = handle;
  }

  static async start(handle: Handler): Promise<LocalServer> {
    const server = new LocalServer(handle);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  paths(): string[] {
    return this.arrived.map(({ method, path }) => `${method} ${path}`);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = request;
    const arrived = { method, path: url, headers, body: Buffer.concat(chunks) };
    this.arrived.push(arrived);
    await this.handle(arrived, response);
  }
}

/** Respond with JSON. */
export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** End an event stream as the server ends a turn. */
export function end(response: ServerResponse): void {
  response.end(": end\n");
}

/** Start an event stream and send `events`. The caller ends the stream. */
export function stream(response: ServerResponse, ...events: object[]): ServerResponse {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
  return response;
}
