import type { ApiFetch } from "../api/api-fetch";

interface Titled {
  id?: string | undefined;
  title?: string | null | undefined;
}

/**
 * The titles of threads, for a header outside of ChatKit's frame. ChatKit's element reports a thread's id only, so the
 * titles are read from the protocol's requests and responses.
 */
export class ThreadTitles {
  private readonly titles = new Map<string, string>();

  constructor(private readonly onChange: () => void) {}

  of(threadId: string | null): string | undefined {
    return threadId === null ? undefined : this.titles.get(threadId);
  }

  /** Return the response of `send`, and note the titles in it. */
  async watched(body: BodyInit | null | undefined, send: () => ReturnType<ApiFetch>): Promise<Response> {
    const answer = await send();
    const type = answer.headers.get("content-type") ?? "";
    const request = typeof body === "string" ? parsed(body) : undefined;
    if (!answer.ok || !request) return answer;
    if (type.startsWith("text/event-stream") && answer.body) {
      return new Response(answer.body.pipeThrough(this.events()), answer);
    }
    if (request.type === "threads.update") this.note({ ...request.params, id: request.params?.thread_id });
    if (request.type === "threads.get_by_id")
      void answer
        .clone()
        .json()
        .then(
          (thread) => this.note(thread),
          () => {},
        );
    return answer;
  }

  /** Pass a stream on, and read the threads in it. Only their events are parsed. */
  private events(): TransformStream<Uint8Array, Uint8Array> {
    const decoder = new TextDecoder();
    let text = "";
    return new TransformStream({
      transform: (chunk, controller) => {
        controller.enqueue(chunk);
        const lines = (text + decoder.decode(chunk, { stream: true })).split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) {
          if (/^data: ?\{"type":"thread\.(created|updated)"/.test(line)) this.note(parsed(line.slice(5))?.thread);
        }
      },
    });
  }

  private note({ id, title }: Titled = {}): void {
    if (!id || !title || this.titles.get(id) === title) return;
    this.titles.set(id, title);
    this.onChange();
  }
}

interface Parsed {
  type?: string;
  params?: { thread_id?: string; title?: string };
  thread?: Titled;
}

function parsed(text: string): Parsed | undefined {
  try {
    return Object(JSON.parse(text));
  } catch {
    return undefined; // not of the protocol
  }
}
