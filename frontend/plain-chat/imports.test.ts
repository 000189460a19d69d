import { readdirSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { expect, test } from "vitest";

const FOLDER = import.meta.dirname;
const PACKAGES = new Set(["react", "react-dom", "marked", "eventsource-parser"]);
const IMPORT = /(?:from|import)\s*\(?\s*"([^"]+)"/g;

const files = readdirSync(FOLDER, { recursive: true, encoding: "utf-8" }).filter((name) => /\.tsx?$/.test(name));
const shipped = files.filter((name) => !name.includes(".test.") && !name.startsWith("testing/"));

function imports(name: string): string[] {
  const found = [...readFileSync(`${FOLDER}/${name}`, "utf-8").matchAll(IMPORT)];
  return found.map((match) => match[1] ?? "");
}

test("the plain chat imports nothing outside its folder", () => {
  const outside = files.flatMap((name) =>
    imports(name)
      .filter((target) => target.startsWith("."))
      .filter((target) => !resolve(FOLDER, dirname(name), target).startsWith(`${FOLDER}/`))
      .map((target) => `${name}: ${target}`),
  );
  expect(outside).toEqual([]);
  expect(files.length).toBeGreaterThan(40);
});

test("the plain chat needs the packages that its README names, and no others", () => {
  const packages = shipped.flatMap((name) => imports(name).filter((target) => !target.startsWith(".")));
  expect(new Set(packages)).toEqual(PACKAGES);
  const readme = readFileSync(`${FOLDER}/README.md`, "utf-8");
  for (const name of PACKAGES) expect(readme).toContain(`\`${name}\``);
});
