import type { ApiFetch } from "../api/api-fetch";

/** Share of visits whose log events are reported; errors are reported in every visit. */
const SAMPLED = 0.05;
const MAX_PER_VISIT = 5;
const NAME = /^[A-Za-z][\w.-]{0,63}$/;

export type Report = (kind: "error" | "log", name: string, message?: string) => void;

/**
 * Return a function that reports ChatKit's errors and log events to the operator (`POST /chatkit/reports`). A message may
 * quote the conversation, so only a fingerprint of it leaves the browser. Reports are few, and may fail.
 */
export function createReport(api: ApiFetch, apiUrl: string, random = Math.random): Report {
  const sampled = random() < SAMPLED;
  const sent = new Set<string>();
  return (kind, given, message = "") => {
    const name = NAME.test(given) ? given : "Error";
    const report = JSON.stringify({ kind, name, fingerprint: fingerprint(message) });
    if ((kind === "log" && !sampled) || sent.has(report) || sent.size >= MAX_PER_VISIT) return;
    sent.add(report);
    const headers = { "content-type": "application/json" };
    void api(`${apiUrl}/reports`, { method: "POST", headers, body: report }).catch(() => undefined);
  };
}

/** FNV-1a in 32 bits, without the digits: the same fault has the same fingerprint whatever its ids and amounts are. */
export function fingerprint(message: string): string {
  let hash = 0x811c9dc5;
  for (const char of message.replaceAll(/\d+/g, "#")) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
