import { lexer, type Token } from "marked";
import { describe, expect, it } from "vitest";
import { MarkdownBlocks } from "./markdown-blocks";

const PIECES = [
  "# Title\n\n", "A paragraph with **bold", "** text.\n\n", "- one\n", "- two\n\n", "  continued\n\n", "1. a\n2. b\n\n",
  "| a | b |\n|:--|--:|\n| 1 | 2 |\n\n", "```py\nx = 1\n\n", "y = 2\n```\n\n", "> quote\n", "lazy\n\n", "text\n===\n\n",
  "---\n\n", "    code\n\n", "<b>html</b>\n\n", "[a]: https://example.com\n\n", "see [a]\n\n", "[b]:\nhttps://b.example\n", "- [b]\n", "[a]: /other\n", "> [c]: /c\n\n", "[c]\n\n", "\ttab\r\n\r\n", "x\n",
]; // biome-ignore format: one list

/** A linear congruential generator: the same texts on every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

const links = (tokens: Token[]): unknown[] =>
  tokens.flatMap((token) => [
    ...(token.type === "link" ? [token.href] : []),
    ...links(("tokens" in token && token.tokens) || []),
    ...(token.type === "list" ? links(token.items) : []),
  ]);
const kinds = (tokens: { type: string; raw: string }[]) => tokens.map(({ type, raw }) => [type, raw]);

describe("blocks of a growing text", () => {
  it("are at every length those of the whole text", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const next = random(seed);
      const text = Array.from({ length: 8 }, () => PIECES[Math.floor(next() * PIECES.length)]).join("");
      const blocks = new MarkdownBlocks();
      for (let end = 0; end < text.length; end += 1 + Math.floor(next() * 9)) {
        expect(kinds(blocks.of(text.slice(0, end)))).toEqual(kinds(lexer(text.slice(0, end))));
      }
      expect(kinds(blocks.of(text))).toEqual(kinds(lexer(text)));
      expect(links(blocks.of(text))).toEqual(links(lexer(text)));
    }
  }, 30_000);

  it("keep their identity once they are complete", () => {
    const blocks = new MarkdownBlocks();
    const before = blocks.of("# One\n\nTwo\n\nThr");
    const after = blocks.of("# One\n\nTwo\n\nThree\n\nFour");
    expect(after[0]).toBe(before[0]);
    expect(after.length).toBeGreaterThan(before.length);
  });

  it.each(["", "[a]: https://example.com\n\n", "Said[^1].\n\n[^1]: Long ago\n\n", "```\n[a]: b\n```\n\n"])(
    "are parsed in proportion to the text, after %j as well",
    (start) => {
      const blocks = new MarkdownBlocks();
      const paragraph = `${"word ".repeat(20)}\n\n`;
      let known: unknown[] = [];
      let made = 0;
      for (let count = 1; count <= 200; count++) {
        const now = blocks.of(start + paragraph.repeat(count));
        made += now.filter((token) => !known.includes(token)).length;
        known = now;
      }
      expect(made).toBeLessThan(200 * 6 + 10); // each step makes the last paragraphs only, not all of them
    },
  );

  it("start again for another text", () => {
    const blocks = new MarkdownBlocks();
    blocks.of("# One\n\nTwo");
    expect(kinds(blocks.of("Other"))).toEqual(kinds(lexer("Other")));
  });
});
