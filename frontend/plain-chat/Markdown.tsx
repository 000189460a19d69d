import type { MarkedToken, Token } from "marked";
import { createContext, Fragment, memo, type ReactNode, useContext, useState } from "react";
import { imageAddress, linkAddress } from "./addresses";
import { CopyButton } from "./Copy";
import { MarkdownBlocks } from "./markdown-blocks";
import { words } from "./words";
import { Zoom } from "./Zoom";

/** Domains other than this site that images may load from: the thread's `allowed_image_domains`. */
export const ImageDomains = createContext<readonly string[]>([]);
/** Whether a click follows a link already. */
const InLink = createContext(false);

/** Markdown rendered as elements. HTML in the text is shown as text and never parsed. */
export function Markdown({ text }: { text: string }) {
  const [blocks] = useState(() => new MarkdownBlocks());
  return (
    <div className="pc-markdown">
      {blocks.of(text).map((token, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: tokens have no id but their position, and a text only grows
        <Block key={place} token={token} />
      ))}
    </div>
  );
}

/** One top-level block, rendered again only if its token is another one. */
const Block = memo(function Block({ token }: { token: Token }) {
  return one(token as MarkedToken);
});

function all(tokens: Token[] | undefined): ReactNode {
  // Tokens have no id but their position, and a growing text only appends.
  // biome-ignore lint/suspicious/noArrayIndexKey: see above
  return tokens?.map((token, place) => <Fragment key={place}>{one(token as MarkedToken)}</Fragment>);
}

function one(token: MarkedToken): ReactNode {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading": {
      const Heading = `h${Math.min(token.depth + 2, 6)}` as "h3";
      return <Heading dir="auto">{all(token.tokens)}</Heading>;
    }
    case "paragraph":
      return <p dir="auto">{all(token.tokens)}</p>;
    case "text":
      return token.tokens ? all(token.tokens) : plain(token.text);
    case "strong":
      return <strong>{all(token.tokens)}</strong>;
    case "em":
      return <em>{all(token.tokens)}</em>;
    case "del":
      return <del>{all(token.tokens)}</del>;
    case "blockquote":
      return <blockquote dir="auto">{all(token.tokens)}</blockquote>;
    case "codespan":
      return <code>{token.text}</code>;
    case "code":
      return (
        <div className="pc-copied">
          <Scrollable label={words().code}>
            <pre dir="ltr">
              <code>{token.text}</code>
            </pre>
          </Scrollable>
          <CopyButton label={words().copyCode} text={() => token.text} />
        </div>
      );
    case "list":
      return token.ordered ? <ol start={token.start || 1}>{all(token.items)}</ol> : <ul>{all(token.items)}</ul>;
    case "list_item":
      return <li dir="auto">{all(token.tokens)}</li>;
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "table":
      return <Table header={token.header} rows={token.rows} align={token.align} />;
    case "link":
      return (
        <InLink value={true}>
          <Link href={token.href}>{all(token.tokens)}</Link>
        </InLink>
      );
    case "image":
      return <TextImage src={token.href} alt={token.text} />;
    case "hr":
      return <hr />;
    case "br":
      return <br />;
    default:
      return token.type === "escape" ? escaped(token) : token.raw;
  }
}

type Cell = { text: string; tokens: Token[] };
type Align = "center" | "left" | "right" | null;

function Table({ header, rows, align }: { header: Cell[]; rows: Cell[][]; align: Align[] }) {
  const cells = (row: Cell[], Tag: "th" | "td") =>
    row.map((cell, place) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: the position identifies a cell
      <Tag key={place} dir="auto" {...(align[place] && { "data-align": align[place] })}>
        {all(cell.tokens)}
      </Tag>
    ));
  const asText = () => [header, ...rows].map((row) => row.map(({ text }) => text).join("\t")).join("\n");
  return (
    <div className="pc-copied">
      <Scrollable label={words().table}>
        <table>
          <thead>
            <tr>{cells(header, "th")}</tr>
          </thead>
          <tbody>
            {rows.map((row, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the position identifies a row
              <tr key={place}>{cells(row, "td")}</tr>
            ))}
          </tbody>
        </table>
      </Scrollable>
      <CopyButton label={words().copyTable} text={asText} />
    </div>
  );
}

/** A region for wide content. It scrolls sideways, with the keyboard as well. */
function Scrollable({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className="pc-scrollable" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}

export function Link({ href, children }: { href: unknown; children: ReactNode }) {
  const address = linkAddress(href);
  if (!address) return children;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

/** An image of a text, which a click shows large. */
function TextImage({ src, alt }: { src: string; alt: string }) {
  const address = imageAddress(src, useContext(ImageDomains));
  return useContext(InLink) || !address ? <Picture src={src} alt={alt} /> : <Zoom src={address} alt={alt} lazy />;
}

/** The image if its URL is allowed, else its description. */
export function Picture({ src, alt }: { src: unknown; alt: string }) {
  const address = imageAddress(src, useContext(ImageDomains));
  return address ? <img src={address} alt={alt} loading="lazy" /> : <span>{alt}</span>;
}

/** `\\(` and `\\)` delimit formulas, which are shown as they were written. */
function escaped({ raw, text }: { raw: string; text: string }): string {
  return text === "(" || text === ")" ? raw : text;
}

function plain(text: string): string {
  return text.replace(/&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,30});/gi, character);
}

const characters = new Map<string, string>();

/** The character of an HTML entity; unknown ones stay as they are. A parsed document runs no script and loads nothing. */
function character(entity: string): string {
  const known = characters.get(entity);
  if (known !== undefined) return known;
  const parsed = new DOMParser().parseFromString(entity, "text/html").body.textContent ?? entity;
  characters.set(entity, parsed);
  return parsed;
}
