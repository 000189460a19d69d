/** Which addresses in a message, written by a model that may have read anything, become links and images. */

const LINKS = new Set(["http:", "https:", "mailto:"]);
const INLINE_IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,/i;

/** The address of a link, or null when it must not become one. */
export function linkAddress(href: unknown): string | null {
  const url = parsed(href);
  return url && LINKS.has(url.protocol) ? url.href : null;
}

/**
 * The address of an image in a text or on a card, or null when it must not be loaded: an image's address can carry
 * out what the model has read. Allowed are this site, bytes that are here already, and the thread's own list of domains.
 */
export function imageAddress(src: unknown, domains: readonly string[]): string | null {
  const url = parsed(src);
  if (!url) return null;
  const here = url.origin === location.origin || INLINE_IMAGE.test(url.href);
  const listed = url.protocol === "https:" && domains.some((name) => isWithin(url.hostname, name));
  return here || listed ? url.href : null;
}

/** The address of a file that the server itself gave in an item: previews and generated images. */
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
