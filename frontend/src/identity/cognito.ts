import type { OidcMetadata } from "oidc-client-ts";
import type { RuntimeConfig } from "../config";

/**
 * Cognito's endpoints. Its discovery document lacks `end_session_endpoint` and would cost each visit a request; the
 * paths are fixed. https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html
 */
export function cognitoMetadata({ authority, signInDomain }: RuntimeConfig): Partial<OidcMetadata> {
  return {
    issuer: authority,
    authorization_endpoint: `${signInDomain}/oauth2/authorize`,
    token_endpoint: `${signInDomain}/oauth2/token`,
    revocation_endpoint: `${signInDomain}/oauth2/revoke`,
    userinfo_endpoint: `${signInDomain}/oauth2/userInfo`,
  };
}

/** Return the URL that ends Cognito's own session and then redirects to the site. */
export function logoutUrl({ signInDomain, clientId, redirectUri }: RuntimeConfig): string {
  const query = new URLSearchParams({ client_id: clientId, logout_uri: redirectUri });
  return `${signInDomain}/logout?${query}`;
}
