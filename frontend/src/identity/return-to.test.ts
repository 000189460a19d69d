import { User } from "oidc-client-ts";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { noteDeparture, returnToPlace, watchBack } from "./return-to";

function cameBackWith(userState: unknown): string {
  const user = new User({
    access_token: "a",
    token_type: "Bearer",
    profile: { sub: "ada", iss: "i", aud: "c", exp: 0, iat: 0 },
    userState,
  });
  returnToPlace(user);
  return location.pathname + location.search + location.hash;
}

describe("the URL after the sign-in", () => {
  beforeEach(() => history.replaceState(null, "", "/page?code=abc&state=xyz"));

  test("is the one before the sign-in", () => {
    expect(cameBackWith({ returnTo: "/other?a=b#c" })).toBe("/other?a=b#c");
  });

  test.each([undefined, null, "/text", {}, { returnTo: 7 }, { returnTo: "https://evil.example/" }])(
    "has no code in it, whatever the state is: %j",
    (state) => {
      expect(cameBackWith(state)).toBe("/page");
    },
  );

  test.each(["//evil.example/", "/\\evil.example/", "javascript:alert(1)"])(
    "never leads to another origin: %s",
    (returnTo) => {
      expect(cameBackWith({ returnTo })).toBe("/page");
    },
  );
});

describe("Back after the sign-in", () => {
  const went: number[] = [];
  let stop: () => void;
  beforeEach(() => {
    went.length = 0;
    vi.spyOn(history, "go").mockImplementation((by = 0) => void went.push(by));
    stop = watchBack();
    return () => stop();
  });
  const length = (entries: number) => vi.spyOn(history, "length", "get").mockReturnValue(entries);

  test.each([
    { before: 2, after: 4, back: -3 }, // the site, which the first form replaced, and two more forms
    { before: 1, after: 2, back: 1 }, // a tab that a link opened: nothing is before the site
    { before: 3, after: 3, back: undefined }, // Cognito knew the user
    { before: 5, after: 3, back: undefined }, // entries after the sign-in page are gone
  ])("passes the forms: $before entries before, $after after", ({ before, after, back }) => {
    const states: unknown[] = [];
    vi.spyOn(history, "replaceState").mockImplementation((state) => void states.push(state));
    vi.spyOn(history, "pushState").mockImplementation((state) => void states.push(state));
    length(before);
    noteDeparture();
    length(after);

    returnToPlace(undefined);

    expect(states).toEqual(back === undefined ? [null] : [null, { back }, null]);
    dispatchEvent(new PopStateEvent("popstate", { state: { back } }));
    expect(went).toEqual(back === undefined ? [] : [back]);
  });

  test("is the browser's own between conversations", () => {
    dispatchEvent(new PopStateEvent("popstate", { state: { thread: "thr_1" } }));
    dispatchEvent(new PopStateEvent("popstate", { state: null }));
    expect(went).toEqual([]);
  });
});
