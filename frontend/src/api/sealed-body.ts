/** A request body: the bytes to send, their content type and their SHA-256 in hex. */
export interface SealedBody {
  bytes: ArrayBuffer;
  /** The `content-type` that `fetch` would set, including the boundary of a form. */
  type: string | null;
  hash: string;
}

/**
 * Read a body of any kind into one buffer, and hash it. CloudFront signs its request to Lambda with this hash and
 * Lambda verifies it, so the request must send exactly this buffer.
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
