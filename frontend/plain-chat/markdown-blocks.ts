import { lexer, type Token } from "marked";

/**
 * The top-level blocks of a Markdown text that grows. Blocks that more text cannot change keep their identity, so that
 * React renders each of them once and a long answer costs time in proportion to its length.
 *
 *     const blocks = new MarkdownBlocks();
 *     blocks.of("# One\n\nTwo\n\nThr");      // [heading, space, paragraph, space, paragraph]
 *     blocks.of("# One\n\nTwo\n\nThree");    // the same heading and space, new paragraphs
 *
 * The last two blocks can still change: a paragraph becomes a heading, a table, or the next item of the list before it.
 * A link definition changes links in blocks before it, so a text with one is parsed as a whole.
 */
export class MarkdownBlocks {
  private settled: Token[] = [];
  private settledText = "";

  of(given: string): Token[] {
    const text = given.replace(/\r\n?/g, "\n"); // as the lexer does
    if (DEFINITION.test(text)) return lexer(text);
    if (!text.startsWith(this.settledText)) {
      this.settled = [];
      this.settledText = "";
    }
    const rest = lexer(text.slice(this.settledText.length));
    const last = rest.findLastIndex(({ type }) => type !== "space");
    const secondLast = rest.findLastIndex(({ type }, place) => type !== "space" && place < last);
    const final = rest.slice(0, Math.max(0, secondLast));
    const raw = final.map((token) => token.raw).join("");
    // The lexer normalizes line ends and tabs, and only text that it left unchanged can be skipped next time.
    if (!text.startsWith(raw, this.settledText.length)) return [...this.settled, ...rest];
    this.settled = [...this.settled, ...final];
    this.settledText += raw;
    return [...this.settled, ...rest.slice(final.length)];
  }
}

const DEFINITION = /^ {0,3}\[[^\]\n]+\]:/m;
