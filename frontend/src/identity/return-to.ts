import type { User } from "oidc-client-ts";

/** Restore the URL that the user left for the sign-in, and remove code and state. Ignores URLs of other origins. */
export function returnToPlace(user: User | undefined): void {
  const { returnTo } = Object(user?.state) as { returnTo?: unknown };
  const place = typeof returnTo === "string" && /^\/(?![/\\])/.test(returnTo) ? returnTo : location.pathname;
  history.replaceState(null, "", place);
}

/** Remove the error of a failed sign-in from the URL, so that a reload does not fail again. */
export function clearAnswer(): void {
  history.replaceState(null, "", location.pathname);
}
