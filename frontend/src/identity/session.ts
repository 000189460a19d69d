import { ErrorResponse, type User, UserManager, WebStorageStateStore } from "oidc-client-ts";
import { SessionEndedError, type TokenSource } from "../api/authorized-fetch";
import type { RuntimeConfig } from "../config";
import { cognitoMetadata, logoutUrl } from "./cognito";

/** Renew a token this long before it expires, so that it stays valid while the request travels. */
const RENEW_BEFORE_SECONDS = 60;
const REVOKE_WITHIN_MS = 2_000;

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

/** The user's session in this tab: returns access tokens, renews them with the refresh token, and signs out. */
export class Session implements TokenSource {
  readonly manager: UserManager;
  readonly #config: RuntimeConfig;
  #renewal: Promise<string> | undefined;
  #expired = false;
  #signedOut = false;

  constructor(config: RuntimeConfig, manager = createUserManager(config)) {
    this.#config = config;
    this.manager = manager;
  }

  /** Whether the session ended without a sign-out. */
  get expired(): boolean {
    return this.#expired;
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

  end(): void {
    this.#expired = !this.#signedOut;
    void this.manager.removeUser();
  }

  /** Redirect to the sign-in page, which returns to the current URL. */
  async signIn(): Promise<void> {
    this.#expired = false;
    const { pathname, search, hash } = location;
    await this.manager.signinRedirect({ state: { returnTo: pathname + search + hash } });
  }

  /**
   * Revoke the refresh token, clear this tab's storage and end Cognito's session. Waits for the revocation only
   * briefly.
   */
  async signOut(): Promise<void> {
    this.#signedOut = true;
    // A renewal or the revocation may complete later and store its tokens again.
    this.manager.events.addUserLoaded(() => this.manager.removeUser());
    const revoked = this.manager.revokeTokens().catch(() => undefined);
    await Promise.race([revoked, new Promise((resolve) => setTimeout(resolve, REVOKE_WITHIN_MS))]);
    await this.manager.removeUser();
    sessionStorage.clear();
    location.assign(logoutUrl(this.#config));
  }

  async #user(): Promise<User> {
    const user = await this.manager.getUser();
    if (!user || this.#signedOut) throw new SessionEndedError();
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
      if (!(error instanceof ErrorResponse)) throw error; // a network error: the session may still be valid
    }
    this.end();
    throw new SessionEndedError();
  }
}
