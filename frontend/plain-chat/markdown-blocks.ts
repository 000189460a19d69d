import { Lexer, type Links, type Token } from "marked";

/**
 * The top-level blocks of a Markdown text that grows. Blocks that more text cannot change keep their identity, so that
 * React renders each of them once and a long answer costs time in proportion to its length.
 *
 *     const blocks = new MarkdownBlocks();
 *     blocks.of("# One\n\nTwo\n\nThr");      // [heading, space, paragraph, space, paragraph]
 *     blocks.of("# One\n\nTwo\n\nThree");    // the same heading and space, new paragraphs
 *
 * The last two blocks can still change: a paragraph becomes a heading, a table, or the next item of the list before it.
 * A link definition changes links in blocks before it, so the whole text is parsed once for each step of its definitions.
 */
export class MarkdownBlocks {
  private settled: Token[] = [];
  private settledText = "";
  private definitions = "";
  private links: Links = {};

  of(given: string): Token[] {
    const text = given.replace(/\r\n?/g, "\n"); // as the lexer does
    const definitions = text.includes("]:") ? (text.match(DEFINITIONS)?.join("") ?? "") : "";
    if (!text.startsWith(this.settledText) || definitions !== this.definitions) {
      this.settled = [];
      this.settledText = "";
      this.definitions = definitions;
      this.links = definitions ? new Lexer().lex(text).links : {};
    }
    const lexer = new Lexer();
    Object.assign(lexer.tokens.links, this.links);
    const rest = lexer.lex(text.slice(this.settledText.length));
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

/** Lines that may define a link, each with the two lines to which its address and title can extend. */
const DEFINITIONS = /^[ >*+\d.)-]*\[[^\]\n]+\]:.*(?:\n.*){0,2}/gm;
