import { describe, expect, test } from "vitest";
import { getJson, RefusedError } from "./get-json";

const NOW = [0, 0];

/** An API that responds with these statuses in order. */
function answering(...statuses: number[]) {
  const asked: string[] = [];
  const api = async (url: string) => {
    asked.push(url);
    const status = statuses.shift() ?? 200;
    return new Response(JSON.stringify({ message: `status ${status}` }), { status });
  };
  return { api, asked };
}

describe("a document of the API", () => {
  test("is asked for again while the function is busy or starting", async () => {
    const { api, asked } = answering(429, 503, 200);

    expect(await getJson(api, "/chatkit/composer", NOW)).toEqual({ message: "status 200" });
    expect(asked).toHaveLength(3);
  });

  test("is given up after three times", async () => {
    const { api, asked } = answering(503, 503, 503, 200);

    await expect(getJson(api, "/chatkit/composer", NOW)).rejects.toThrow(new RefusedError(503, "status 503"));
    expect(asked).toHaveLength(3);
  });

  test.each([401, 403, 404, 408])("is not asked for again after a %i", async (status) => {
    const { api, asked } = answering(status, 200);

    await expect(getJson(api, "/chatkit/composer", NOW)).rejects.toMatchObject({ status });
    expect(asked).toHaveLength(1);
  });
});
