import { ErrorResponse, type User, UserManager, WebStorageStateStore } from "oidc-client-ts";
import { authorizedFetch, SessionEndedError, type TokenSource } from "../api/authorized-fetch";
import { sealed } from "../api/sealed-body";
import type { RuntimeConfig } from "../config";
import { languagePreference } from "../preferences/language";
import { Activity } from "./activity";
import { cognitoMetadata, logoutUrl } from "./cognito";
import { noteDeparture } from "./return-to";
import { type EndReason, tabs } from "./tabs";

/** Renew a token this long before it expires, so that it stays valid while the request travels. */
const RENEW_BEFORE_SECONDS = 60;
const REVOKE_WITHIN_MS = 2_000;
/** Errors of the token endpoint that end a session; after any other one (throttling, maintenance) it may be retried. */
const FINAL_ERRORS = ["invalid_grant", "invalid_client", "unauthorized_client"];

/**
 * Return the manager of oidc-client-ts: authorization code with PKCE, all state in sessionStorage
 * (docs/decisions/0030).
 */
export function createUserManager(config: RuntimeConfig): UserManager {
  const store = () => new WebStorageStateStore({ store: sessionStorage });
  return new UserManager({
    authority: config.authority,
    metadata: cognitoMetadata(config),
    client_id: config.clientId,
    redirect_uri: config.redirectUri,
    response_type: "code",
    scope: "openid email profile",
    userStore: store(),
    stateStore: store(),
    automaticSilentRenew: false, // Session renews on demand: timers in a background tab are unreliable
    revokeTokenTypes: ["refresh_token"],
  });
}

/**
 * The user's session in this tab: returns access tokens, renews them with the refresh token, and signs out. A sign-out in
 * any tab of the browser ends it (tabs.ts).
 */
export class Session implements TokenSource {
  readonly manager: UserManager;
  readonly activity: Activity;
  readonly #config: RuntimeConfig;
  #renewal: Promise<string> | undefined;
  #signedOut = false;

  constructor(config: RuntimeConfig, manager = createUserManager(config)) {
    this.#config = config;
    this.manager = manager;
    this.activity = new Activity(config.idleTimeoutMinutes);
  }

  /** Why the session ended, unless the user signed out in this tab. */
  get ended(): EndReason | undefined {
    return tabs.endReason();
  }

  async current(): Promise<string> {
    const user = await this.#user();
    const fresh = (user.expires_in ?? RENEW_BEFORE_SECONDS + 1) > RENEW_BEFORE_SECONDS;
    return fresh ? user.access_token : this.#renew();
  }

  async renewed(refused: string): Promise<string> {
    const user = await this.#user();
    return user.access_token === refused ? this.#renew() : user.access_token;
  }

  end(reason: EndReason = "expired"): void {
    if (!this.#signedOut) tabs.ended(reason);
    void this.manager.removeUser();
  }

  /** End the session when another tab signs out or all tabs are idle. Returns a function that stops watching. */
  watch(onWarning: (visible: boolean) => void): () => void {
    const follow = () => void this.#follow();
    const stop = this.activity.watch(onWarning, () => void this.signOut("idle"));
    addEventListener("storage", follow);
    addEventListener("pageshow", follow); // a page from the back/forward cache has missed the event
    follow();
    return () => {
      stop();
      removeEventListener("storage", follow);
      removeEventListener("pageshow", follow);
    };
  }

  /** Return the stored user to the page after a stale callback URL, which oidc-client-ts rejects. */
  async resume(): Promise<void> {
    const user = await this.manager.getUser();
    if (user) await this.manager.events.load(user);
  }

  /** Whether Cognito probably signs the user in without a form, so that the page need not ask first. */
  get isKnown(): boolean {
    return tabs.lives() && !this.ended && this.activity.remainingMs > 0;
  }

  /** Redirect to the sign-in page, which returns to the current URL. */
  async signIn(): Promise<void> {
    tabs.signIn();
    this.activity.begin();
    noteDeparture();
    const { pathname, search, hash } = location;
    await this.manager.signinRedirect({
      state: { returnTo: pathname + search + hash },
      redirectMethod: "replace", // Back from the chat leaves the site instead of showing a used sign-in page
      extraQueryParams: { lang: languagePreference.get() }, // the language of Cognito's managed login
    });
  }

  /**
   * Sign out in all tabs: each revokes its refresh token and clears its storage, and this one ends Cognito's session.
   * Waits for the revocation only briefly. `reason` is shown afterwards; a user who asked for it needs none.
   */
  async signOut(reason?: EndReason): Promise<void> {
    if (this.#signedOut) return;
    tabs.signOut(reason ?? "elsewhere");
    await this.#leave(reason);
    location.assign(logoutUrl(this.#config));
  }

  /** Call a route of the API as this user. */
  async call(route: string, method: "GET" | "POST"): Promise<Response> {
    const url = new URL(this.#config.apiUrl + route, location.href);
    const body = method === "POST" ? await sealed(null) : null; // a GET has none, not even an empty one
    return authorizedFetch({ url, init: { method }, body }, this);
  }

  /** Sign out on all devices, then here. Rejects, and stays signed in, when the API does not confirm it. */
  async signOutEverywhere(): Promise<void> {
    const answer = await this.call("/sign-out", "POST");
    if (!answer.ok) throw new Error(`sign-out: ${answer.status}`);
    await this.signOut();
  }

  /** End this tab's session after a sign-out in another tab. */
  async #follow(): Promise<void> {
    const reason = tabs.signedOut();
    if (reason && !this.#signedOut && (await this.manager.getUser())) await this.#leave(reason);
  }

  async #leave(reason: EndReason | undefined): Promise<void> {
    if (this.#signedOut) return;
    this.#signedOut = true;
    // A renewal or the revocation may complete later and store its tokens again.
    this.manager.events.addUserLoaded(() => this.manager.removeUser());
    const revoked = this.manager.revokeTokens().catch(() => undefined);
    await Promise.race([revoked, new Promise((resolve) => setTimeout(resolve, REVOKE_WITHIN_MS))]);
    sessionStorage.clear();
    if (reason) tabs.ended(reason);
    await this.manager.removeUser();
  }

  async #user(): Promise<User> {
    const user = await this.manager.getUser();
    const over = this.#signedOut || this.activity.remainingMs === 0 || tabs.signedOut() !== undefined;
    if (!user || over) throw new SessionEndedError();
    return user;
  }

  /** Renew once for all concurrent requests. Rejects with SessionEndedError when Cognito refuses. */
  #renew(): Promise<string> {
    this.#renewal ??= this.#askForRenewal().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #askForRenewal(): Promise<string> {
    const { refresh_token } = await this.#user();
    try {
      // Without a refresh token, signinSilent would open an iframe, which Cognito forbids.
      const user = refresh_token ? await this.manager.signinSilent() : null;
      if (user && !this.#signedOut) return user.access_token;
    } catch (error) {
      const final = error instanceof ErrorResponse && FINAL_ERRORS.includes(error.error ?? "");
      if (!final) throw error; // the session may still be valid
    }
    this.end();
    throw new SessionEndedError();
  }
}
