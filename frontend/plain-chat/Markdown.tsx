import { lexer, type MarkedToken, type Token } from "marked";
import { createContext, Fragment, type ReactNode, useContext, useMemo } from "react";
import { imageAddress, linkAddress } from "./addresses";
import { words } from "./words";

/** Domains other than this site that images may load from: the thread's `allowed_image_domains`. */
export const ImageDomains = createContext<readonly string[]>([]);

/** Markdown rendered as elements. HTML in the text is shown as text and never parsed. */
export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => lexer(text), [text]);
  return <div className="pc-markdown">{all(tokens)}</div>;
}

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
      return <Heading>{all(token.tokens)}</Heading>;
    }
    case "paragraph":
      return <p>{all(token.tokens)}</p>;
    case "text":
      return token.tokens ? all(token.tokens) : plain(token.text);
    case "strong":
      return <strong>{all(token.tokens)}</strong>;
    case "em":
      return <em>{all(token.tokens)}</em>;
    case "del":
      return <del>{all(token.tokens)}</del>;
    case "blockquote":
      return <blockquote>{all(token.tokens)}</blockquote>;
    case "codespan":
      return <code>{token.text}</code>;
    case "code":
      return (
        <Scrollable label={words().code}>
          <pre>
            <code>{token.text}</code>
          </pre>
        </Scrollable>
      );
    case "list":
      return token.ordered ? <ol start={token.start || 1}>{all(token.items)}</ol> : <ul>{all(token.items)}</ul>;
    case "list_item":
      return <li>{all(token.tokens)}</li>;
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "table":
      return <Table header={token.header} rows={token.rows} />;
    case "link":
      return <Link href={token.href}>{all(token.tokens)}</Link>;
    case "image":
      return <Picture src={token.href} alt={token.text} />;
    case "hr":
      return <hr />;
    case "br":
      return <br />;
    default:
      return token.type === "escape" ? token.text : token.raw;
  }
}

type Cell = { tokens: Token[] };

function Table({ header, rows }: { header: Cell[]; rows: Cell[][] }) {
  const cells = (row: Cell[], Tag: "th" | "td") =>
    // biome-ignore lint/suspicious/noArrayIndexKey: the position identifies a cell
    row.map((cell, place) => <Tag key={place}>{all(cell.tokens)}</Tag>);
  return (
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

/** The image if its URL is allowed, else its description. */
export function Picture({ src, alt }: { src: unknown; alt: string }) {
  const address = imageAddress(src, useContext(ImageDomains));
  return address ? <img src={address} alt={alt} loading="lazy" /> : <span>{alt}</span>;
}

const CHARACTERS: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: "\u00a0" };

function plain(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (written, name) => CHARACTERS[name] ?? written);
}
