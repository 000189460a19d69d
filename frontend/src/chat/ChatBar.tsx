import type { ReactNode } from "react";
import { createPortal } from "react-dom";
import { useLanguage } from "../preferences/language";

interface ChatBarProps {
  /** The place in the page's header. */
  toolbar: HTMLElement | null | undefined;
  title: string | undefined;
  /** Whether ChatKit shows its history. */
  inHistory: boolean;
  onHistory: () => void;
  onFind: () => void;
  onNew: () => void;
}

/** The chat's title and buttons in the page's header, in place of a second header inside of ChatKit's frame. */
export function ChatBar({ toolbar, title, inHistory, onHistory, onFind, onNew }: ChatBarProps) {
  const { shell } = useLanguage().words;
  if (!toolbar) return null;
  return createPortal(
    <div className="chat-bar">
      <BarButton label={shell.history} pressed={inHistory} onClick={onHistory}>
        <path d="M4 6h16M4 12h16M4 18h10" />
      </BarButton>
      <h2 dir="auto">{inHistory ? shell.history : title || shell.newConversation}</h2>
      <BarButton label={shell.findConversation} onClick={onFind}>
        <path d="M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l5 5" />
      </BarButton>
      <BarButton label={shell.newConversation} onClick={onNew}>
        <path d="M12 5v14M5 12h14" />
      </BarButton>
    </div>,
    toolbar,
  );
}

interface BarButtonProps {
  label: string;
  pressed?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function BarButton({ label, pressed, onClick, children }: BarButtonProps) {
  return (
    <button type="button" aria-label={label} title={label} aria-pressed={pressed} onClick={onClick}>
      <svg width="20" height="20" viewBox="0 0 24 24" aria-hidden="true" className="line-icon">
        {children}
      </svg>
    </button>
  );
}
