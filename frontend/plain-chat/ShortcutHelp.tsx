import { useEffect, useRef } from "react";
import { Icon } from "./Icon";
import { describedShortcuts } from "./shortcuts";
import { words } from "./words";

/** A sheet with the keyboard shortcuts. The dialog returns the focus to where it was. */
export function ShortcutHelp({ onClose }: { onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="pc-sheet" aria-label={words().keyboard} onClose={onClose}>
      <div className="pc-row">
        <h2>{words().keyboard}</h2>
        <button type="button" aria-label={words().close} title={words().close} onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </button>
      </div>
      <dl>
        {describedShortcuts().map(({ keys, does }) => (
          <div key={does}>
            <dt>{does}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
