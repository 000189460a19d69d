import { describe, expect, test } from "vitest";
import { getJson, RefusedError } from "./get-json";

const NOW = [0, 0];

/** An API that responds with these statuses in order. */
function answering(...statuses: number[]) {
  const requested: string[] = [];
  const api = async (url: string) => {
    requested.push(url);
    const status = statuses.shift() ?? 200;
    return new Response(JSON.stringify({ message: `status ${status}` }), { status });
  };
  return { api, requested };
}

describe("a JSON document of the API", () => {
  test("is requested again while the function is busy or starting", async () => {
    const { api, requested } = answering(429, 503, 200);

    expect(await getJson(api, "/chatkit/composer", NOW)).toEqual({ message: "status 200" });
    expect(requested).toHaveLength(3);
  });

  test("fails after three attempts", async () => {
    const { api, requested } = answering(503, 503, 503, 200);

    await expect(getJson(api, "/chatkit/composer", NOW)).rejects.toThrow(new RefusedError(503, "status 503"));
    expect(requested).toHaveLength(3);
  });

  test.each([401, 403, 404, 408])("is not requested again after a %i", async (status) => {
    const { api, requested } = answering(status, 200);

    await expect(getJson(api, "/chatkit/composer", NOW)).rejects.toMatchObject({ status });
    expect(requested).toHaveLength(1);
  });
});
