import { act, renderHook, waitFor } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import type { ApiFetch } from "../api/api-fetch";
import { OVERVIEW } from "../testing/overview";
import { useOverview } from "./use-overview";

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

function shown(api: ApiFetch, ready = true) {
  return renderHook(({ ready }) => useOverview(api, "/chatkit", ready), { initialProps: { ready } });
}

describe("the figures", () => {
  test("are fetched when the page is ready", async () => {
    const requested: string[] = [];
    const { result, rerender } = shown(async (url) => {
      requested.push(url);
      return json(OVERVIEW);
    }, false);
    expect(requested).toEqual([]);

    rerender({ ready: true });

    await waitFor(() => expect(result.current.overview).toEqual(OVERVIEW));
    expect(requested).toEqual(["/chatkit/overview"]);
  });

  test("are absent if the assistant has none", async () => {
    const { result } = shown(async () => json({ message: "this assistant has no overview" }, 404));

    await waitFor(() => expect(result.current.absent).toBe(true));
    expect(result.current.failed).toBe(false);
  });

  test("stay when newer ones fail to load", async () => {
    const answers = [json(OVERVIEW), json({ message: "no" }, 403)];
    const { result } = shown(async () => answers.shift() as Response);
    await waitFor(() => expect(result.current.overview).not.toBeNull());

    await act(async () => result.current.refresh());

    await waitFor(() => expect(result.current.failed).toBe(true));
    expect(result.current.overview).toEqual(OVERVIEW);
  });

  test("are those of the newest request, whichever response arrives first", async () => {
    const waiting: ((response: Response) => void)[] = [];
    const { result } = shown(() => new Promise((resolve) => waiting.push(resolve)));
    act(() => void result.current.refresh());
    await waitFor(() => expect(waiting).toHaveLength(2));

    waiting[1]?.(json({ ...OVERVIEW, until: "new" }));
    await waitFor(() => expect(result.current.overview?.until).toBe("new"));
    const old = json({ ...OVERVIEW, until: "old" });
    waiting[0]?.(old);
    await waitFor(() => expect(old.bodyUsed).toBe(true));
    await act(async () => undefined);

    expect(result.current.overview?.until).toBe("new");
  });
});
