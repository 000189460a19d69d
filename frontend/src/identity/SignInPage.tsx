import { BRAND, NAME } from "../brand";
import { useLanguage } from "../preferences/language";
import { Logo } from "../shell/Logo";
import { Notice } from "../shell/Notice";

/** The page for a visitor who is not signed in. `notice` says why a session ended or a sign-in failed. */
export function SignInPage({ notice, onSignIn }: { notice?: string | undefined; onSignIn: () => void }) {
  const { language, words } = useLanguage();
  return (
    <main className="whole centered">
      <Logo />
      <h1>{NAME}</h1>
      <p className="muted">{BRAND[language].tagline}</p>
      {notice && <Notice>{notice}</Notice>}
      <button type="button" className="primary" onClick={onSignIn}>
        {words.identity.signIn}
      </button>
    </main>
  );
}
