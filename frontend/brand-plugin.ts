import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Plugin, runnerImport } from "vite";

type BrandModule = typeof import("./src/brand");

// Our tests know our texts, also in a fork.
const OWN = new URL(process.env.VITEST ? "./none/" : "../app/web/", import.meta.url);

/** Modules that an adopter replaces by a file in `app/web/`, and the files of this folder that they replace. */
const REPLACEABLE = {
  "#brand": ["brand.ts", "./src/brand.ts"],
  "#panel": ["panel.tsx", "./src/panel/panel.tsx"],
} as const;

/** The path of each replaceable module: the adopter's, if it exists. */
export function replaceable(own: URL = OWN): Record<keyof typeof REPLACEABLE, string> {
  const chosen = Object.entries(REPLACEABLE).map(([name, [theirs, ours]]) => {
    const path = fileURLToPath(new URL(theirs, own));
    return [name, existsSync(path) ? path : fileURLToPath(new URL(ours, import.meta.url))];
  });
  return Object.fromEntries(chosen);
}

/** Write the brand's name and colors into `index.html` and the manifest, so that they are there before any script. */
export function brandPlugin(): Plugin {
  const brand = runnerImport<BrandModule>(replaceable()["#brand"], { configFile: false, logLevel: "error" });
  return {
    name: "brand",
    async transformIndexHtml(html) {
      const { module } = await brand;
      const values: Record<string, string> = { NAME: module.NAME, DESCRIPTION: module.BRAND.en.tagline };
      const colors = `--brand-light: ${module.ACCENT.light}; --brand-dark: ${module.ACCENT.dark}`;
      return html
        .replace("<html ", () => `<html style="${escaped(colors)}" `)
        .replaceAll(/%([A-Z_]+)%/g, (whole, name: string) => escaped(values[name] ?? whole));
    },
    async generateBundle() {
      this.emitFile({ type: "asset", fileName: MANIFEST, source: manifest((await brand).module) });
    },
    configureServer(server) {
      server.middlewares.use(`/${MANIFEST}`, (_, response) => {
        void brand.then(({ module }) => {
          response.setHeader("content-type", "application/manifest+json").end(manifest(module));
        });
      });
    },
  };
}

const MANIFEST = "manifest.webmanifest";
const ICONS = [
  { src: "/favicon.svg", sizes: "any", type: "image/svg+xml" },
  { src: "/icon-192.png", sizes: "192x192", type: "image/png" },
  { src: "/icon-512.png", sizes: "512x512", type: "image/png", purpose: "any" },
  { src: "/icon-maskable-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
];

function manifest({ NAME, BRAND, ACCENT }: BrandModule): string {
  const fields = { name: NAME, short_name: NAME, description: BRAND.en.tagline, theme_color: ACCENT.light };
  return JSON.stringify({
    ...fields,
    start_url: "/",
    display: "standalone",
    background_color: "#f6f7f5",
    icons: ICONS,
  });
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
