import { User } from "oidc-client-ts";
import { beforeEach, describe, expect, test } from "vitest";
import { returnToPlace } from "./return-to";

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
