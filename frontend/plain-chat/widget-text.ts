import { childrenOf } from "./item-update";
import type { WidgetNode } from "./wire";

/** Return a property as text. Empty for anything but a string or number. */
export function words(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** The name of a card for screen readers: its title and its first text, such as a state and a question. */
export function nameOf(widget: WidgetNode): string {
  const first = (type: string) => words(childrenOf(widget).find((child) => child.type === type)?.value);
  return [first("Title"), first("Text")].filter(Boolean).join(": ");
}

/** Return all text in a component, as a fallback for one that has no view. */
export function textOf(node: WidgetNode): string {
  const own = [node.title, node.value, node.label, node.alt].map(words);
  return [...own, ...childrenOf(node).map(textOf)].filter(Boolean).join(" ");
}
