import { type FocusEvent, type KeyboardEvent, lazy, Suspense, useEffect, useRef, useState } from "react";
import { useAuth } from "react-oidc-context";
import type { Session } from "../identity/session";
import { LANGUAGES, type Language, useLanguage } from "../preferences/language";
import { THEMES, type Theme, useTheme } from "../preferences/theme";
import { Choice } from "./Choice";
import { PersonIcon } from "./icons";
import { Notice } from "./Notice";

const Allowances = lazy(() => import("./Allowances"));

/** The account menu: user, theme, language, what is always allowed, and sign-out here or on all devices. Closes on Escape or when it loses focus. */
export function AccountMenu({ session }: { session: Session }) {
  const { words, language, setLanguage } = useLanguage();
  const { theme, setTheme } = useTheme();
  const { user } = useAuth();
  const [open, setOpen] = useState(false);
  const [failed, setFailed] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const name = user?.profile.email ?? user?.profile.sub ?? "";

  useEffect(() => {
    if (!open) return;
    const close = (event: Event) => {
      if (!(event.target instanceof Node && menu.current?.contains(event.target))) setOpen(false);
    };
    // A click into ChatKit's iframe fires no pointer event on this page, only `blur`.
    for (const name of ["pointerdown", "blur"]) addEventListener(name, close);
    return () => {
      for (const name of ["pointerdown", "blur"]) removeEventListener(name, close);
    };
  }, [open]);

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Escape" || !open) return;
    setOpen(false);
    button.current?.focus();
  }
  function onBlur(event: FocusEvent<HTMLElement>) {
    if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) setOpen(false);
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: handles events of the controls inside
    <div ref={menu} className="account" onKeyDown={onKeyDown} onBlur={onBlur}>
      <button
        ref={button}
        type="button"
        title={words.identity.account}
        aria-expanded={open}
        aria-controls="account"
        onClick={() => setOpen(!open)}
      >
        <PersonIcon />
        <span className="wide">{words.identity.account}</span>
      </button>
      <div id="account" className="menu" hidden={!open}>
        <p className="muted">{words.identity.signedInAs(name)}</p>
        <Choice<Theme>
          legend={words.shell.theme}
          options={THEMES.map((value) => ({ value, label: words.shell.themes[value] }))}
          chosen={theme}
          onChoose={setTheme}
        />
        <Choice<Language>
          legend={words.shell.language}
          options={(Object.keys(LANGUAGES) as Language[]).map((value) => ({ value, label: LANGUAGES[value] }))}
          chosen={language}
          onChoose={setLanguage}
        />
        {open && (
          <Suspense>
            <Allowances session={session} />
          </Suspense>
        )}
        <button type="button" onClick={() => void session.signOut()}>
          {words.identity.signOut}
        </button>
        <button type="button" onClick={() => session.signOutEverywhere().catch(() => setFailed(true))}>
          {words.identity.signOutEverywhere}
        </button>
        {failed && <Notice>{words.identity.notEverywhere}</Notice>}
      </div>
    </div>
  );
}
