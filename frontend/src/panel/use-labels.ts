import { BRAND } from "#brand";
import { useLanguage } from "../preferences/language";

/** Return a function that names an account or category in the page's language, or with the server's label. */
export function useLabels(): (named: { id: string; label: string }) => string {
  const { labels } = BRAND[useLanguage().language];
  return ({ id, label }) => labels[id] ?? label;
}
