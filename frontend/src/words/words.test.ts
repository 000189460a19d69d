import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { words } from "../../plain-chat/words";
import { en } from "./en";

/** The source of a folder, without tests and the texts themselves. */
function source(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf-8" })
    .filter((name) => /\.tsx?$/.test(name) && !/\.test\.|^testing|(^|\/)(words|en|de|words\.de)\.ts$/.test(name))
    .map((name) => readFileSync(`${folder}/${name}`, "utf-8"))
    .join("\n");
}

/** Texts whose name the source does not mention. A text in a group below, such as a theme's name, counts with its group. */
const unused = (texts: object, code: string) =>
  Object.keys(texts).filter((name) => !new RegExp(`[.{,]\\s*${name}\\b`).test(code));

test("every text of the page is shown somewhere", () => {
  const code = source(`${import.meta.dirname}/..`);
  expect(Object.values(en).flatMap((group) => (typeof group === "object" ? unused(group, code) : []))).toEqual([]);
});

test("every text of the plain chat is shown somewhere", () => {
  expect(unused(words(), source(`${import.meta.dirname}/../../plain-chat`))).toEqual([]);
});
