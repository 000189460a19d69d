import { expect, test, vi } from "vitest";
import { createReport, fingerprint } from "./reports";

const bodies = (api: ReturnType<typeof vi.fn>) => api.mock.calls.map(([, init]) => JSON.parse(init.body));

test("[page-reports] a report has no text of the error, each fault once, and few in a visit", () => {
  const api = vi.fn(async () => new Response());
  const report = createReport(api, "/chatkit", () => 1);

  report("error", "StreamError", "I earn 9,000 a month");
  report("error", "StreamError", "I earn 8,500 a month");
  report("error", "not a name: I earn 9,000");
  for (let n = 0; n < 20; n++) report("error", `Fault${n}`);

  expect(bodies(api).slice(0, 2)).toEqual([
    { kind: "error", name: "StreamError", fingerprint: fingerprint("I earn 1,000 a month") },
    { kind: "error", name: "Error", fingerprint: fingerprint("") },
  ]);
  expect(JSON.stringify(bodies(api))).not.toContain("earn");
  expect(api).toHaveBeenCalledTimes(5);
});

test("log events are sampled by visit", () => {
  const api = vi.fn(async () => new Response());

  createReport(api, "/chatkit", () => 0.9)("log", "thread.opened");
  expect(api).not.toHaveBeenCalled();
  createReport(api, "/chatkit", () => 0.01)("log", "thread.opened");

  expect(bodies(api)).toMatchObject([{ kind: "log", name: "thread.opened" }]);
});
