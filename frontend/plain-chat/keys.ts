import type { KeyboardEvent } from "react";

/**
 * Whether a key belongs to an input method that composes a character: its Enter and Escape must do nothing else. Safari
 * ends a composition before its Enter arrives, with the key code of a composition.
 */
export function isComposing(event: KeyboardEvent): boolean {
  return event.nativeEvent.isComposing || event.keyCode === 229;
}
