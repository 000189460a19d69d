import { useEffect, useRef } from "react";
import { words } from "./words";

/** Actions that have a keyboard shortcut. The combinations are those of other chats. */
export interface ShortcutActions {
  search(): void;
  begin(): void;
  history(): void;
  write(): void;
  copyLast(): void;
  help(): void;
}

interface Shortcut {
  /** `KeyboardEvent.code`: the place of a key, which does not depend on the keyboard's layout. */
  code: string;
  /** As printed on a US keyboard. */
  key: string;
  shift: boolean;
}

const SHORTCUTS: Record<keyof ShortcutActions, Shortcut> = {
  search: { code: "KeyK", key: "K", shift: false },
  begin: { code: "KeyO", key: "O", shift: true },
  history: { code: "KeyS", key: "S", shift: true },
  write: { code: "KeyM", key: "M", shift: true },
  copyLast: { code: "KeyC", key: "C", shift: true },
  help: { code: "Slash", key: "/", shift: false },
};

/** Run the actions on their keys, wherever the focus is on the page, except in an open dialog. */
export function useShortcuts(actions: ShortcutActions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing) return;
      const found = Object.entries(SHORTCUTS).find(
        ([, { code, key, shift }]) => shift === event.shiftKey && (code === event.code || key === event.key),
      );
      if (!found || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      latest.current[found[0] as keyof ShortcutActions]();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

/** The shortcuts for the help sheet: keys and description. */
export function describedShortcuts(): { keys: string[]; does: string }[] {
  const modifier = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : words().control;
  const { shortcuts } = words();
  const combined = Object.entries(SHORTCUTS).map(([name, { key, shift }]) => ({
    keys: [modifier, ...(shift ? [words().shift] : []), key],
    does: shortcuts[name as keyof ShortcutActions],
  }));
  return [
    ...combined,
    { keys: ["↑"], does: shortcuts.editLast },
    { keys: ["Esc"], does: shortcuts.stop },
    { keys: ["@"], does: shortcuts.mention },
  ];
}
