import type { Ref } from "react";
import { NAME } from "#brand";
import type { Session } from "../identity/session";
import type { PanelPlace } from "../panel/use-panel-place";
import { AccountMenu } from "./AccountMenu";
import { PanelIcon } from "./icons";
import { Logo } from "./Logo";

interface HeaderProps {
  session: Session;
  /** Null if the assistant has no overview. */
  panel: Pick<PanelPlace, "open" | "toggle" | "button"> | null;
  /** The panel's name. */
  title: string;
  /** Receives the place for the chat's title and buttons. */
  toolbar: Ref<HTMLDivElement>;
}

export function Header({ session, panel, title, toolbar }: HeaderProps) {
  return (
    <header className="header">
      <h1 className="name">
        <Logo size={28} />
        <span className="wide">{NAME}</span>
      </h1>
      <div ref={toolbar} className="toolbar" />
      {panel && (
        <button
          type="button"
          ref={panel.button}
          title={title}
          aria-expanded={panel.open}
          aria-controls="panel"
          onClick={panel.toggle}
        >
          <PanelIcon />
          <span className="wide">{title}</span>
        </button>
      )}
      <AccountMenu session={session} />
    </header>
  );
}
