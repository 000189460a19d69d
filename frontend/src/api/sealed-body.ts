/** A request's body as the very bytes that are sent, their type, and their SHA-256 in hex. */
export interface SealedBody {
  bytes: ArrayBuffer;
  /** What the platform would send as `content-type`; a form's has its boundary. */
  type: string | null;
  hash: string;
}

/**
 * Read a body of any kind once. CloudFront signs its request to the function with the hash that we state, and Lambda
 * compares it with what arrives: so the buffer that was hashed is the one to send.
 */
export async function sealed(body: BodyInit | null | undefined): Promise<SealedBody> {
  const whole = new Response(body ?? null);
  const type = whole.headers.get("content-type");
  const bytes = await whole.arrayBuffer();
  return { bytes, type, hash: hex(await crypto.subtle.digest("SHA-256", bytes)) };
}

function hex(digest: ArrayBuffer): string {
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
