import { type ReactNode, useEffect, useState } from "react";
import { hasAuthParams, useAuth } from "react-oidc-context";
import { useLanguage } from "../preferences/language";
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
  useEffect(() => {
    if (auth.error && hasAuthParams()) clearAnswer();
  }, [auth.error]);

  if (auth.user) return children;
  if (auth.isLoading) {
    return (
      <main className="whole">
        <Splash text={words.identity.signingIn} />
      </main>
    );
  }
  const notice = session.expired
    ? words.identity.sessionEnded
    : auth.error || stuck
      ? words.identity.failed
      : undefined;
  return <SignInPage notice={notice} onSignIn={() => session.signIn().catch(() => setStuck(true))} />;
}
