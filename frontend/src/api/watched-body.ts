/** How a stream was left: read to its end, given up by its reader, or broken on its way. */
export type Ending = "read" | "left" | "broken";

/** Return `response` with the same body, chunk by chunk as it comes; `onEnd` is told once how it was left. */
export function watched(response: Response, onEnd: (ending: Ending) => void): Response {
  const reader = response.body?.getReader();
  if (!reader) {
    onEnd("read");
    return response;
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        onEnd("read");
        controller.close();
      } catch (error) {
        onEnd("broken");
        controller.error(error);
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
