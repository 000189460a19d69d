import { type RefObject, useEffect } from "react";
import type { ComposerHandle } from "./Composer";

/**
 * Focus the composer at the start, and whenever the focused element disappears or is disabled, such as a card's button
 * or Stop: the browser would leave the focus to the page, where Escape stops no answer and Tab starts again at the top.
 * On touch devices the conversation gets it instead, because the composer would open the keyboard. A card whose button
 * was pressed by keyboard keeps the focus until it has no button left.
 */
export function useFocus(chat: RefObject<HTMLElement | null>, composer: RefObject<ComposerHandle | null>): void {
  useEffect(() => {
    if (document.activeElement === document.body && !isTouch()) composer.current?.focus();
  }, [composer]);
  useEffect(() => {
    const root = chat.current;
    if (!root) return;
    let last: Element | null = null;
    const came = ({ target }: FocusEvent) => {
      last = target as Element;
    };
    // The browser may fire this event for a removed element, too: it is removed when the current task ends.
    const went = ({ target }: FocusEvent) => queueMicrotask(() => target === last && !isLost(last) && forget());
    const forget = () => {
      last = null;
    };
    const observer = new MutationObserver(() => {
      const focused = document.activeElement;
      if (!last || !isLost(last) || (focused !== document.body && focused !== last)) return;
      forget();
      if (isTouch()) root.querySelector<HTMLElement>(".pc-log")?.focus({ preventScroll: true });
      else composer.current?.focus();
    });
    observer.observe(root, { childList: true, subtree: true, attributeFilter: ["disabled"] });
    root.addEventListener("focusin", came);
    root.addEventListener("focusout", went);
    return () => {
      observer.disconnect();
      root.removeEventListener("focusin", came);
      root.removeEventListener("focusout", went);
    };
  }, [chat, composer]);
}

function isLost(element: Element | null): boolean {
  return element !== null && (!element.isConnected || element.matches(":disabled, .pc-group:not(:has(button))"));
}

function isTouch(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}
