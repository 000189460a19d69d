import { afterEach } from "vitest";

// React Testing Library cleans up by itself only with a global `afterEach`, and its default timeout is one second.
if (typeof document !== "undefined") {
  const { cleanup, configure } = await import("@testing-library/react");
  configure({ asyncUtilTimeout: 4000 });
  afterEach(cleanup);
}
