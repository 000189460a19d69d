import { afterEach, vi } from "vitest";

/** A limit for a busy machine, in milliseconds; both libraries' own is one second. */
const LIMIT = 60_000;

const waitFor = vi.waitFor;
vi.waitFor = (condition, limits) =>
  waitFor(condition, typeof limits === "number" ? limits : { timeout: LIMIT, ...limits });

// React Testing Library cleans up by itself only with a global `afterEach`.
if (typeof document !== "undefined") {
  const { cleanup, configure } = await import("@testing-library/react");
  configure({ asyncUtilTimeout: LIMIT });
  afterEach(cleanup);
}
