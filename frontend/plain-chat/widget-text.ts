import { childrenOf } from "./item-update";
import type { WidgetNode } from "./wire";

/** A property that should be text; empty when it is nothing that can be read. */
export function words(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** All that can be read of a component, for one that cannot be drawn. */
export function textOf(node: WidgetNode): string {
  const own = [node.title, node.value, node.label, node.alt].map(words);
  return [...own, ...childrenOf(node).map(textOf)].filter(Boolean).join(" ");
}
