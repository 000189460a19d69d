import type { User } from "oidc-client-ts";
import { lazy, Suspense, useEffect, useState } from "react";
import { AuthProvider } from "react-oidc-context";
import { openThread } from "./chat/open-thread";
import { loadConfig, type RuntimeConfig } from "./config";
import { returnToPlace, watchBack } from "./identity/return-to";
import { SignInGate } from "./identity/SignInGate";
import { Session } from "./identity/session";
import { tabs } from "./identity/tabs";
import { useLanguage } from "./preferences/language";
import { useTheme } from "./preferences/theme";
import { Failure } from "./shell/Failure";
import { Splash } from "./shell/Splash";

/** Return to the page that the user left, and close the open thread if it belongs to another user. */
function afterSignIn(user: User | undefined, session: Session): void {
  session.activity.begin(); // a visit to the sign-in page can take longer than the idle timeout
  tabs.signedIn();
  returnToPlace(user);
  if (user) openThread.claim(user.profile.sub);
}

// A chunk of its own: the sign-in page does not wait for it. It loads at the same time as the configuration.
const loadSignedIn = () => import("./shell/SignedIn").then((module) => ({ default: module.SignedIn }));
const SignedIn = lazy(loadSignedIn);

/** Load the configuration, require a sign-in, then show chat and panel. */
export function App() {
  const { words, language } = useLanguage();
  useTheme();
  const [stack, setStack] = useState<{ config: RuntimeConfig; session: Session } | "failed" | null>(null);
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt reloads
  useEffect(() => {
    let current = true;
    setStack(null);
    loadConfig().then(
      (config) => {
        // Cognito redirects to this one URL, and sessionStorage is per origin: on another origin, sign-in never
        // completes.
        if (new URL(config.redirectUri).origin !== location.origin) location.replace(config.redirectUri);
        else if (current) setStack({ config, session: new Session(config) });
      },
      () => current && setStack("failed"),
    );
    return () => {
      current = false;
    };
  }, [attempt]);

  useEffect(watchBack, []);
  useEffect(() => void loadSignedIn().catch(() => undefined), []); // a failure shows when it is needed
  useEffect(keepDroppedFiles, []);

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  if (stack === null) return <Start />;
  if (stack === "failed") {
    const { unconfigured, tryAgain } = words.start;
    return (
      <main className="whole">
        <Failure message={unconfigured} action={tryAgain} onAction={() => setAttempt(attempt + 1)} />
      </main>
    );
  }
  return (
    <AuthProvider userManager={stack.session.manager} onSigninCallback={(user) => afterSignIn(user, stack.session)}>
      <SignInGate session={stack.session}>
        <Suspense fallback={<Start />}>
          <SignedIn config={stack.config} session={stack.session} />
        </Suspense>
      </SignInGate>
    </AuthProvider>
  );
}

function Start() {
  return (
    <main className="whole">
      <Splash text={useLanguage().words.start.loading} />
    </main>
  );
}

/**
 * A file dropped next to the chat, or on the sign-in page, must not replace the page. The chat handles its own drops
 * first, and dragged text is left to the text fields.
 */
function keepDroppedFiles(): () => void {
  const keep = (event: DragEvent) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  };
  addEventListener("dragover", keep);
  addEventListener("drop", keep);
  return () => {
    removeEventListener("dragover", keep);
    removeEventListener("drop", keep);
  };
}
