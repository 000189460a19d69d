import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  // `make dev-frontend`: Vite serves the page and proxies the API and the configuration to the local edge.
  server: { port: Number(process.env.PORT ?? 5173), strictPort: true, proxy: edge(process.env.EDGE_URL) },
  build: { target: "es2022", sourcemap: false },
  test: { environment: "happy-dom", setupFiles: "vitest.setup.ts", restoreMocks: true },
});

function edge(url?: string) {
  return url ? { "/chatkit": url, "/config.json": url } : {};
}
