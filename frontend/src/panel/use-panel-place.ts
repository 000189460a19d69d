import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { createPreference } from "../preferences/preference";

/**
 * From this width on, the panel is next to the chat; below it, the panel covers the chat. `panel.css` has the same
 * width.
 */
const NEXT_TO_CHAT = "(width >= 60rem)";
const preference = createPreference("panel", ["open", "closed"], () => "open");

export interface PanelPlace {
  open: boolean;
  /** The panel covers the chat, which is inert. */
  covers: boolean;
  show: () => void;
  toggle: () => void;
  /** Close a panel that covers the chat. */
  uncover: () => void;
  ref: RefObject<HTMLElement | null>;
  /** The button that opens and closes the panel. */
  button: RefObject<HTMLButtonElement | null>;
  onKeyDown: (event: KeyboardEvent) => void;
}

/** State of the panel. Next to the chat it starts as the user left it; where it would cover the chat it starts closed. */
export function usePanelPlace(): PanelPlace {
  const nextToChat = useSyncExternalStore(onResize, () => matchMedia(NEXT_TO_CHAT).matches);
  const [open, setOpen] = useState(() => nextToChat && preference.get() === "open");
  const ref = useRef<HTMLElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const covers = open && !nextToChat;

  useEffect(() => {
    if (covers) ref.current?.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
  }, [covers]);

  const show = useCallback(() => setOpen(true), []);
  const toggle = () => {
    setOpen(!open);
    if (nextToChat) preference.set(open ? "closed" : "open");
  };
  const uncover = useCallback(() => {
    if (!matchMedia(NEXT_TO_CHAT).matches) setOpen(false);
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.nativeEvent.isComposing || !covers) return;
    setOpen(false);
    button.current?.focus();
  };
  return { open, covers, show, toggle, uncover, ref, button, onKeyDown };
}

function onResize(listener: () => void): () => void {
  const query = matchMedia(NEXT_TO_CHAT);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}
