import { childrenOf } from "./item-update";
import type { WidgetNode } from "./wire";

/** Return a property as text. Empty for anything but a string or number. */
export function words(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** Return all text in a component, as a fallback for one that has no view. */
export function textOf(node: WidgetNode): string {
  const own = [node.title, node.value, node.label, node.alt].map(words);
  return [...own, ...childrenOf(node).map(textOf)].filter(Boolean).join(" ");
}
