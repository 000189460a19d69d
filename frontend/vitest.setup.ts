import { afterEach } from "vitest";

// React's testing library cleans up by itself only where `afterEach` is global, and waits for a second only.
if (typeof document !== "undefined") {
  const { cleanup, configure } = await import("@testing-library/react");
  configure({ asyncUtilTimeout: 4000 });
  afterEach(cleanup);
}
