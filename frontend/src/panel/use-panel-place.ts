import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

/** As wide as this, the panel stands beside the chat; on a smaller screen it covers it (panel.css has the same). */
const BESIDE = "(width >= 60rem)";

export interface PanelPlace {
  open: boolean;
  /** It lies over the chat, which is then out of reach. */
  covers: boolean;
  show: () => void;
  toggle: () => void;
  ref: RefObject<HTMLElement | null>;
  /** What opens and closes it. */
  button: RefObject<HTMLButtonElement | null>;
  onKeyDown: (event: KeyboardEvent) => void;
}

/** Whether the panel is open, and where: beside the chat it is at first, over it only when it is asked for. */
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
