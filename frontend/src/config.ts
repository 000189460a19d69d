/** What `/config.json` says of the stack this page is served by (`ops/publish.py` writes it; `make dev` serves it). */
export interface RuntimeConfig {
  /** Path of the API on this page's origin. */
  apiUrl: string;
  /** OpenID issuer: Cognito's user pool. */
  authority: string;
  clientId: string;
  /** Origin of Cognito's sign-in pages; `/logout` is there. */
  signInDomain: string;
  redirectUri: string;
  /** ChatKit's domain key of this host name. */
  domainKey: string;
}
