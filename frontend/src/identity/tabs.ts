/** Why a session ended, other than by a sign-out in this tab. */
export type EndReason = "expired" | "elsewhere" | "everywhere" | "erased" | "idle";

const SIGN_OUT = "sign-out";
const END = "session-ended";
const SIGNED_IN = "signed-in";
/** Lifetime of the cookie by which Cognito's managed login recognizes a user. */
const COOKIE_MS = 3_600_000;

/**
 * Sign-outs of this browser. Each tab has its own tokens in sessionStorage, so the last sign-out is in localStorage: other
 * tabs get a `storage` event, and a tab that slept or was restored finds it later. A tab notes at its sign-in which
 * sign-out it has seen. The order needs no clock.
 */
export const tabs = {
  /** Note that Cognito has just signed the user in. */
  signedIn(): void {
    write("localStorage", SIGNED_IN, `${Date.now()}`);
  },

  /** Return whether Cognito's own session probably lives: no tab has signed out or lost its session since. */
  lives(): boolean {
    const age = Date.now() - Number(read("localStorage", SIGNED_IN) ?? Number.NaN);
    return age >= 0 && age < COOKIE_MS;
  },

  /** Sign out every other tab. `reason` is what they show. */
  signOut(reason: EndReason): void {
    write("localStorage", SIGNED_IN, "");
    write("localStorage", SIGN_OUT, `${reason} ${Date.now()}`);
  },

  /** Note that a sign-in begins: earlier sign-outs no longer count for this tab. */
  signIn(): void {
    const seen = read("localStorage", SIGN_OUT);
    if (seen) write("sessionStorage", SIGN_OUT, seen);
    sessionStorage.removeItem(END);
  },

  /** Return the reason of a sign-out in another tab since this tab signed in. */
  signedOut(): EndReason | undefined {
    const last = read("localStorage", SIGN_OUT);
    if (!last || last === read("sessionStorage", SIGN_OUT)) return undefined;
    return last.startsWith("idle ") ? "idle" : "elsewhere";
  },

  /** Keep the reason for the sign-in page, also across a redirect. */
  ended(reason: EndReason): void {
    write("localStorage", SIGNED_IN, "");
    write("sessionStorage", END, reason);
  },

  /** Return the reason for which this tab's session ended. */
  endReason(): EndReason | undefined {
    return (read("sessionStorage", END) as EndReason | null) ?? undefined;
  },
};

type Place = "localStorage" | "sessionStorage";

export function read(place: Place, key: string): string | null {
  try {
    return globalThis[place].getItem(key);
  } catch {
    return null; // storage is disabled: this tab is on its own
  }
}

export function write(place: Place, key: string, value: string): void {
  try {
    globalThis[place].setItem(key, value);
  } catch {
    // see `read`
  }
}
