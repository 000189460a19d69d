import type { User } from "oidc-client-ts";
import { read, write } from "./tabs";

const ENTRIES = "entries-before-sign-in";

/** Note the length of the tab's history before the sign-in adds its forms. */
export function noteDeparture(): void {
  write("sessionStorage", ENTRIES, `${history.length}`);
}

/** Restore the URL that the user left for the sign-in, and remove code and state. Ignores URLs of other origins. */
export function returnToPlace(user: User | undefined): void {
  const { returnTo } = Object(user?.state) as { returnTo?: unknown };
  const place = typeof returnTo === "string" && /^\/(?![/\\])/.test(returnTo) ? returnTo : location.pathname;
  history.replaceState(null, "", place);
  passForms();
}

/**
 * Put an entry between the sign-in's forms and the page. Their state is used up, so Back must not show them: at that
 * entry it goes on to what was before the sign-in (`watchBack`).
 */
function passForms(): void {
  const before = Number(read("sessionStorage", ENTRIES) ?? Number.NaN);
  const forms = history.length - before;
  if (!(forms > 0)) return;
  history.replaceState({ back: before > 1 ? -forms - 1 : 1 }, "", location.href); // nothing before: stay on the page
  history.pushState(null, "", location.href);
}

/** Lead Back past the sign-in's forms. Returns a function that stops it. */
export function watchBack(): () => void {
  const moved = ({ state }: PopStateEvent) => {
    if (typeof state?.back === "number") history.go(state.back);
  };
  addEventListener("popstate", moved);
  return () => removeEventListener("popstate", moved);
}

/** Remove the error of a failed sign-in from the URL, so that a reload does not fail again. */
export function clearAnswer(): void {
  history.replaceState(null, "", location.pathname);
}
