import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { brandPlugin, replaceable } from "./brand-plugin.ts";

export default defineConfig({
  plugins: [react(), brandPlugin(), lexerOnly(), siteConfig(process.env.SITE_CONFIG)],
  // A file in app/web/ finds this folder's packages.
  resolve: { alias: replaceable(), dedupe: ["react", "react-dom"] },
  // `make dev-frontend`: Vite serves the page and proxies the API and the configuration to the local edge. With ENV, it
  // proxies the API of a deployed site, and the configuration comes from SITE_CONFIG.
  server: {
    port: Number(process.env.PORT ?? 5173),
    strictPort: true,
    proxy: { ...edge(process.env.EDGE_URL), ...deployed(process.env.API_URL) },
  },
  // Minified code has no comments, and MIT and Apache-2.0 require their texts in copies.
  build: { target: "es2022", sourcemap: false, license: { fileName: "licences.txt" } },
  // Limits for a busy machine; no test normally waits this long.
  test: {
    environment: "happy-dom",
    setupFiles: "vitest.setup.ts",
    pool: "threads", // a process for each file costs a tenth more
    restoreMocks: true,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

function edge(url?: string) {
  return url ? { "/chatkit": url, "/config.json": url } : {};
}

function deployed(url?: string) {
  // CloudFront selects the site by the Host header.
  return url ? { "/chatkit": { target: url, changeOrigin: true } } : {};
}

function siteConfig(config?: string): Plugin {
  return {
    name: "site-config",
    configureServer(server) {
      if (config) {
        server.middlewares.use("/config.json", (_, response) => {
          response.setHeader("content-type", "application/json").end(config);
        });
      }
    },
  };
}

/**
 * Keep only the lexer of `marked`, which the plain chat renders itself. The package is one minified file that creates its
 * parser and renderers when it is imported, so a bundler keeps all of it: 3 kB more. An unknown version stays whole.
 */
function lexerOnly(): Plugin {
  return {
    name: "marked-lexer-only",
    apply: "build",
    transform(code, id) {
      if (!id.includes("/marked/lib/marked.esm.js")) return;
      const instance = /var (\w+)=new \w+;function \w+\(\w+,\w+\)\{return \1\.parse\(/.exec(code)?.index;
      const lexer = /export\{[^}]*\b(\w+) as Lexer\b/.exec(code)?.[1];
      if (instance === undefined || !lexer) return;
      return { code: `${code.slice(0, instance)}export{${lexer} as Lexer};`, map: null };
    },
  };
}
