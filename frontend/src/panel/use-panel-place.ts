import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

/**
 * From this width on, the panel is next to the chat; below it, the panel covers the chat. `panel.css` has the same
 * width.
 */
const BESIDE = "(width >= 60rem)";

export interface PanelPlace {
  open: boolean;
  /** The panel covers the chat, which is inert. */
  covers: boolean;
  show: () => void;
  toggle: () => void;
  ref: RefObject<HTMLElement | null>;
  /** The button that opens and closes the panel. */
  button: RefObject<HTMLButtonElement | null>;
  onKeyDown: (event: KeyboardEvent) => void;
}

/** State of the panel. It starts open next to the chat, and closed where it would cover the chat. */
export function usePanelPlace(): PanelPlace {
  const beside = useSyncExternalStore(onResize, () => matchMedia(BESIDE).matches);
  const [open, setOpen] = useState(beside);
  const ref = useRef<HTMLElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const covers = open && !beside;

  useEffect(() => {
    if (covers) ref.current?.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
  }, [covers]);

  const show = useCallback(() => setOpen(true), []);
  const toggle = useCallback(() => setOpen((before) => !before), []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !covers) return;
    setOpen(false);
    button.current?.focus();
  };
  return { open, covers, show, toggle, ref, button, onKeyDown };
}

function onResize(listener: () => void): () => void {
  const query = matchMedia(BESIDE);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}
