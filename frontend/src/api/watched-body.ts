/** The end of a stream: read to its end, cancelled by its reader, or broken by the connection. */
export type Ending = "read" | "left" | "broken";

const NEWLINE = 10;
const COLON = 58;

/**
 * Return the response with its event stream passed on in whole lines. Calls `onEnd` once. Its return value for a broken
 * stream is sent as the last event, to show the failure to the user.
 */
export function watched(response: Response, onEnd: (ending: Ending, error?: unknown) => string | undefined): Response {
  const reader = (response.body ?? new Blob().stream()).getReader();
  let rest = new Uint8Array();
  let eventIsOpen = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          const end = value.lastIndexOf(NEWLINE) + 1;
          if (end === 0) {
            rest = joined(rest, value);
            continue; // hold back a partial line: another event could not follow it
          }
          const lines = joined(rest, value.subarray(0, end));
          controller.enqueue(lines);
          eventIsOpen = endsInsideEvent(lines);
          rest = value.slice(end);
          return;
        }
        onEnd("read");
        if (rest.length > 0) controller.enqueue(rest);
        controller.close();
      } catch (error) {
        const last = onEnd("broken", error);
        if (last === undefined) return controller.error(error);
        controller.enqueue(new TextEncoder().encode(eventIsOpen ? `\n${last}` : last));
        controller.close();
      }
    },
    cancel(reason) {
      onEnd("left");
      return reader.cancel(reason);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers });
}

/** Whether the last line is neither blank nor a comment. */
function endsInsideEvent(lines: Uint8Array): boolean {
  const last = lines.subarray(lines.lastIndexOf(NEWLINE, lines.length - 2) + 1, -1);
  return last.length > 0 && last[0] !== COLON;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
