/**
 * `fetch` for an address that is not our API: an upload straight to the bucket. Nothing of ours goes with it but the
 * headers that its signature names (`X-Amz-SignedHeaders`): S3 refuses others in the preflight, and no token leaves
 * our origin.
 */
export function foreignFetch(target: URL, init: RequestInit): Promise<Response> {
  const signed = new Set((target.searchParams.get("X-Amz-SignedHeaders") ?? "").split(";"));
  const headers = new Headers(init.headers);
  for (const name of [...headers.keys()]) if (!signed.has(name)) headers.delete(name);
  return fetch(target, { ...init, headers, credentials: "omit", referrerPolicy: "no-referrer" });
}
