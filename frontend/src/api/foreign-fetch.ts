/**
 * `fetch` for URLs outside the API: uploads to the bucket. Sends only the headers that the URL's signature names
 * (`X-Amz-SignedHeaders`): S3's preflight refuses others, and the token must not leave this origin.
 */
export function foreignFetch(target: URL, init: RequestInit): Promise<Response> {
  const signed = new Set((target.searchParams.get("X-Amz-SignedHeaders") ?? "").split(";"));
  const headers = new Headers(init.headers);
  for (const name of [...headers.keys()]) if (!signed.has(name)) headers.delete(name);
  return fetch(target, { ...init, headers, credentials: "omit", referrerPolicy: "no-referrer" });
}
