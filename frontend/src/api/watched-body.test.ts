// @vitest-environment node
import { describe, expect, test } from "vitest";
import { type Ending, watched } from "./watched-body";

const LAST = "data: lost\n\n";

/** Stream the chunks, then end or break. Returns the received text and the reported ending. */
async function passed(chunks: string[], broken = false, last: string | undefined = LAST) {
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
      else if (broken) controller.error(new Error("connection lost"));
      else controller.close();
    },
  });
  const endings: Ending[] = [];
  const response = watched(new Response(source), (ending) => {
    endings.push(ending);
    return ending === "broken" ? last : undefined;
  });
  const text = await response.text().catch((error: Error) => error.message);
  return { text, endings };
}

describe("a watched stream", () => {
  test("passes every byte on", async () => {
    expect(await passed(["data: a\n\nda", "ta: ", "b\n\n", "no newline"])).toEqual({
      text: "data: a\n\ndata: b\n\nno newline",
      endings: ["read"],
    });
  });

  test.each([
    ["between two events", ["data: a\n\n"], `data: a\n\n${LAST}`],
    ["within a line, which is dropped", ["data: a\n\ndata: cut o"], `data: a\n\n${LAST}`],
    ["before an event's blank line, which is added", ["data: a\n"], `data: a\n\n${LAST}`],
    [
      "after a comment, which must have no blank line",
      ["data: a\n\n", ": keep-alive\n"],
      `data: a\n\n: keep-alive\n${LAST}`,
    ],
    ["before its first byte", [], LAST],
  ])("that breaks %s continues with the last event", async (_, chunks, text) => {
    expect(await passed(chunks, true)).toEqual({ text, endings: ["broken"] });
  });

  test("that breaks without a last event stays broken", async () => {
    const source = new ReadableStream({ start: (controller) => controller.error(new Error("lost")) });
    const response = watched(new Response(source), () => undefined);

    await expect(response.text()).rejects.toThrow("lost");
  });

  test("without a body ends at once", async () => {
    const endings: Ending[] = [];
    const response = watched(new Response(null, { status: 200 }), (ending) => void endings.push(ending));

    expect(await response.text()).toBe("");
    expect(endings).toEqual(["read"]);
  });
});
