import { type RefObject, useLayoutEffect, useState } from "react";

/** Width of the chat from which the history has a place next to the conversation. */
export const WIDE_PX = 960;
const CLOSED = "plain-chat-rail-closed";

/** Whether the history is shown next to the conversation. The browser remembers that the user closed it. */
export function useRail(chat: RefObject<HTMLElement | null>): { wide: boolean; open: boolean; toggle(): void } {
  const [wide, setWide] = useState(false);
  const [open, setOpen] = useState(() => localStorage.getItem(CLOSED) === null);
  useLayoutEffect(() => {
    const element = chat.current;
    if (!element) return;
    const measure = () => setWide(element.clientWidth >= WIDE_PX);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [chat]);
  const toggle = () => {
    if (open) localStorage.setItem(CLOSED, "");
    else localStorage.removeItem(CLOSED);
    setOpen(!open);
  };
  return { wide, open, toggle };
}
