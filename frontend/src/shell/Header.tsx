import { NAME } from "#brand";
import type { Session } from "../identity/session";
import type { PanelPlace } from "../panel/use-panel-place";
import { useLanguage } from "../preferences/language";
import { AccountMenu } from "./AccountMenu";
import { PanelIcon } from "./icons";
import { Logo } from "./Logo";

interface HeaderProps {
  session: Session;
  /** Null if the assistant has no overview. */
  panel: Pick<PanelPlace, "open" | "toggle" | "button"> | null;
}

export function Header({ session, panel }: HeaderProps) {
  const { words } = useLanguage();
  return (
    <header className="header">
      <h1 className="name">
        <Logo size={28} />
        {NAME}
      </h1>
      {panel && (
        <button
          type="button"
          ref={panel.button}
          aria-expanded={panel.open}
          aria-controls="panel"
          onClick={panel.toggle}
        >
          <PanelIcon />
          {words.panel.title}
        </button>
      )}
      <AccountMenu session={session} />
    </header>
  );
}
