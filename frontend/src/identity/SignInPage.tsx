import { BRAND, NAME } from "#brand";
import { LANGUAGES, type Language, useLanguage } from "../preferences/language";
import { Logo } from "../shell/Logo";
import { Notice } from "../shell/Notice";

/**
 * The page for a visitor who is not signed in: the product in a few sentences, and the sign-in. `notice` says why a
 * session ended or a sign-in failed.
 */
export function SignInPage({ notice, onSignIn }: { notice?: string | undefined; onSignIn: () => void }) {
  const { language, setLanguage, words } = useLanguage();
  const { tagline, points, noAccount, disclaimer } = BRAND[language];
  return (
    <main className="whole welcome">
      <LanguageLinks chosen={language} onChoose={setLanguage} />
      <div className="centered">
        <Logo />
        <h1>{NAME}</h1>
        <p className="tagline">{tagline}</p>
        <ul className="points">
          {points.map((point) => (
            <li key={point}>{point}</li>
          ))}
        </ul>
        {notice && <Notice>{notice}</Notice>}
        <button type="button" className="primary" onClick={onSignIn}>
          {words.identity.signIn}
        </button>
        <p className="muted small">{noAccount}</p>
      </div>
      <p className="muted small fine-print">{disclaimer}</p>
    </main>
  );
}

/** The languages under their own names; the sign-in form follows the choice. */
function LanguageLinks({ chosen, onChoose }: { chosen: Language; onChoose: (language: Language) => void }) {
  return (
    <div className="languages">
      {(Object.keys(LANGUAGES) as Language[]).map((language) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-pressed={language === chosen}
          onClick={() => onChoose(language)}
        >
          {LANGUAGES[language]}
        </button>
      ))}
    </div>
  );
}
