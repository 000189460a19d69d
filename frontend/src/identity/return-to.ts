import type { User } from "oidc-client-ts";

/** After the sign-in: take code and state out of the address, and put back the place that the person left. */
export function returnToPlace(user: User | undefined): void {
  const { returnTo } = Object(user?.state) as { returnTo?: unknown };
  const place = typeof returnTo === "string" && /^\/(?![/\\])/.test(returnTo) ? returnTo : location.pathname;
  history.replaceState(null, "", place);
}

/** Take what a failed sign-in left in the address out of it: a reload should not fail once more. */
export function clearAnswer(): void {
  history.replaceState(null, "", location.pathname);
}
