// @vitest-environment node
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Plugin } from "vite";
import { expect, test } from "vitest";
import { brandPlugin, replaceable } from "./brand-plugin.ts";

const here = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

async function page(): Promise<string> {
  const { transformIndexHtml } = brandPlugin() as Plugin & { transformIndexHtml(html: string): Promise<string> };
  return transformIndexHtml(here("./index.html"));
}

test("[page-first-paint] the page has name and colors before its script", async () => {
  const html = await page();

  expect(html).toContain("<title>Spendo</title>");
  expect(html).toContain('style="--brand-light: #0b6b50; --brand-dark: #4fd1a5"');
  expect(html).toMatch(/<div id="root">\s*<main class="whole">[\s\S]*Spendo/);
  expect(html).not.toContain("%");
});

test("the browser's bars have the header's color in both themes", async () => {
  const [light, dark] = /--surface: light-dark\((#\w+), (#\w+)\)/.exec(here("./src/styles/tokens.css"))?.slice(1) ?? [];
  const html = await page();

  expect(html).toContain(`(prefers-color-scheme: light)" content="${light}"`);
  expect(html).toContain(`(prefers-color-scheme: dark)" content="${dark}"`);
});

test("the manifest has the brand's name, and icons that exist", async () => {
  const emitted: { fileName: string; source: string }[] = [];
  const { generateBundle } = brandPlugin() as unknown as { generateBundle(this: object): Promise<void> };
  await generateBundle.call({ emitFile: (file: (typeof emitted)[0]) => emitted.push(file) });

  const manifest = JSON.parse(emitted[0]?.source ?? "");
  expect([emitted[0]?.fileName, manifest.name]).toEqual(["manifest.webmanifest", "Spendo"]);
  expect(manifest.icons.length).toBeGreaterThan(2);
  for (const { src } of manifest.icons) expect(here(`./public${src}`).length).toBeGreaterThan(0);
});

test("[page-replaceable] an adopter's file takes the place of the brand or of the panel", () => {
  const own = mkdtempSync(join(tmpdir(), "app-web-"));
  writeFileSync(join(own, "panel.tsx"), "");

  const chosen = replaceable(pathToFileURL(`${own}/`));

  expect(chosen["#panel"]).toBe(join(own, "panel.tsx"));
  expect(chosen["#brand"]).toMatch(/src.brand\.ts$/);
});
