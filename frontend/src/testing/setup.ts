import { afterEach } from "vitest";

// React's testing library cleans up by itself only where `afterEach` is global.
if (typeof document !== "undefined") {
  const { cleanup } = await import("@testing-library/react");
  afterEach(cleanup);
}
