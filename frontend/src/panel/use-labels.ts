import { BRAND } from "../brand";
import { useLanguage } from "../preferences/language";

/** Return how the panel names an account or a category: in the page's language, or as the server does. */
export function useLabels(): (named: { id: string; label: string }) => string {
  const { labels } = BRAND[useLanguage().language];
  return ({ id, label }) => labels[id] ?? label;
}
