/** Allowlists for URLs in messages. A model wrote them, and text from an attacker may have influenced it. */

const LINKS = new Set(["http:", "https:", "mailto:"]);
const INLINE_IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,/i;

/** The URL for a link, or null if its scheme is not allowed. */
export function linkAddress(href: unknown): string | null {
  const url = parsed(href);
  return url && LINKS.has(url.protocol) ? url.href : null;
}

/**
 * The URL for an image in a text or widget, or null if it is not allowed: loading an image can leak the thread's
 * content through its URL. Allowed are this site, inline data, and the domains listed in the thread.
 */
export function imageAddress(src: unknown, domains: readonly string[]): string | null {
  const url = parsed(src);
  if (!url) return null;
  const here = url.origin === location.origin || INLINE_IMAGE.test(url.href);
  const listed = url.protocol === "https:" && domains.some((name) => isWithin(url.hostname, name));
  return here || listed ? url.href : null;
}

/** The URL of a file that the server put in an item: a preview or a generated image. */
export function fileAddress(src: unknown): string | undefined {
  const url = parsed(src);
  return url && (url.protocol === "http:" || url.protocol === "https:" || url.protocol === "blob:")
    ? url.href
    : undefined;
}

function isWithin(hostname: string, domain: string): boolean {
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

function parsed(address: unknown): URL | null {
  return typeof address === "string" && URL.canParse(address, location.href) ? new URL(address, location.href) : null;
}
