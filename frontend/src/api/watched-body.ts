/** How a stream was left: read to its end, given up by its reader, or broken on its way. */
export type Ending = "read" | "left" | "broken";

const NEWLINE = 10;
const COLON = 58;

/**
 * Return an event stream's response with the same body, line by line as they come. `onEnd` is told once how it was left;
 * what it returns for a broken one takes the place of what is missing: a last event that tells the user.
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
            continue; // a line that is cut off could not be continued by another event
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

/** Whether the last of these whole lines is neither blank nor a comment. */
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
