import { type ReactNode, useEffect, useState } from "react";
import { hasAuthParams, useAuth } from "react-oidc-context";
import { useLanguage } from "../preferences/language";
import { Notice } from "../shell/Notice";
import { Splash } from "../shell/Splash";
import { clearAnswer } from "./return-to";
import { SignInPage } from "./SignInPage";
import type { Session } from "./session";

/**
 * Show `children` to a signed-in user. A user whose access token has expired still counts as signed in: the next
 * request renews the token, and ends the session if it cannot.
 */
export function SignInGate({ session, children }: { session: Session; children: ReactNode }) {
  const { words } = useLanguage();
  const auth = useAuth();
  const [stuck, setStuck] = useState(false);
  const [idle, setIdle] = useState(false);
  const [stale, setStale] = useState(true);
  const signedIn = Boolean(auth.user);
  const signIn = () => session.signIn().catch(() => setStuck(true));
  // A new tab of a signed-in user: Cognito knows the user, so a page that asks for a click would only delay.
  const goes = !(auth.user || auth.isLoading || auth.error || stuck) && session.isKnown;
  useEffect(() => {
    if (!auth.error || !hasAuthParams()) return;
    // A failed callback does not end a session: the URL may be a bookmark, or one that the Back button found.
    clearAnswer();
    void session.resume().finally(() => setStale(false));
  }, [auth.error, session]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once
  useEffect(() => {
    if (goes) void signIn();
  }, [goes]);
  useEffect(() => (signedIn ? session.watch(setIdle) : undefined), [signedIn, session]);

  if (auth.user) {
    return (
      <>
        {idle && (
          <div className="over">
            <Notice>{words.identity.idleSoon}</Notice>
          </div>
        )}
        {children}
      </>
    );
  }
  if (auth.isLoading || goes || (auth.error && stale)) {
    return (
      <main className="whole">
        <Splash text={words.identity.signingIn} />
      </main>
    );
  }
  const reason = session.ended;
  const notice = reason ? words.identity.ended[reason] : auth.error || stuck ? words.identity.failed : undefined;
  return <SignInPage notice={notice} onSignIn={signIn} />;
}
