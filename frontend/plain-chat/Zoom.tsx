import { useEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { Icon } from "./Icon";
import { words } from "./words";

/** An image that a click shows large. The dialog lies next to the chat's views, because the log is a live region. */
export function Zoom({ src, alt, lazy }: { src: string; alt: string; lazy?: boolean }) {
  const [chat, enlargeIn] = useState<Element | null>(null);
  return (
    <>
      <button
        type="button"
        className="pc-zoom"
        aria-label={words().enlarge(alt || words().image)}
        aria-haspopup="dialog"
        onClick={(event) => enlargeIn(event.currentTarget.closest(".pc"))}
      >
        <img src={src} alt={alt} {...(lazy && { loading: "lazy" })} />
      </button>
      {chat && createPortal(<Large src={src} alt={alt} onClose={() => enlargeIn(null)} />, chat)}
    </>
  );
}

/** The dialog: Escape, the button and a click outside of the image close it and return the focus. */
function Large({ src, alt, onClose }: { src: string; alt: string; onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = () => dialog.current?.close();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does the same
    <dialog
      ref={dialog}
      className="pc-large"
      aria-label={alt || words().image}
      onClose={onClose}
      onClick={(event) => event.target === event.currentTarget && close()}
    >
      <img src={src} alt={alt} />
      <button type="button" className="pc-button" aria-label={words().close} title={words().close} onClick={close}>
        <Icon name="close" />
      </button>
    </dialog>
  );
}
