import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { User } from "oidc-client-ts";
import { AuthProvider } from "react-oidc-context";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BRAND } from "#brand";
import { languagePreference } from "../preferences/language";
import { challengeOf, FakeCognito } from "../testing/fake-cognito";
import { returnToPlace } from "./return-to";
import { SignInGate } from "./SignInGate";
import { Session } from "./session";
import { tabs } from "./tabs";

let cognito: FakeCognito;
let session: Session;
let went: URL[];

beforeEach(async () => {
  cognito = await FakeCognito.start();
  sessionStorage.clear();
  localStorage.clear();
  history.replaceState(null, "", "/");
  languagePreference.set("en");
  went = [];
  vi.spyOn(location, "replace").mockImplementation((url) => void went.push(new URL(url)));
  session = new Session(cognito.config);
});

afterEach(() => cognito.server.stop());

function gate() {
  return render(
    <AuthProvider userManager={session.manager} onSigninCallback={returnToPlace}>
      <SignInGate session={session}>
        <p>inside</p>
      </SignInGate>
    </AuthProvider>,
  );
}

/** A user whose access token is valid for this many seconds. */
function user(seconds: number): User {
  return new User({
    access_token: "a0",
    token_type: "Bearer",
    refresh_token: "r1",
    profile: { sub: "ada", iss: "i", aud: "client", exp: 0, iat: 0 },
    expires_at: Math.floor(Date.now() / 1000) + seconds,
  });
}

/** Press the button and return the query of the authorization request. */
async function leave(): Promise<URLSearchParams> {
  await userEvent.click(await screen.findByRole("button", { name: "Sign in" }));
  await waitFor(() => expect(went).toHaveLength(1));
  return (went[0] as URL).searchParams;
}

describe("a visitor", () => {
  test("signs in at Cognito with PKCE", async () => {
    gate();

    const query = await leave();

    expect(went[0]?.href.startsWith(`${cognito.server.url}/oauth2/authorize?`)).toBe(true);
    expect(Object.fromEntries(query)).toMatchObject({
      response_type: "code",
      client_id: "client",
      redirect_uri: "http://localhost:3000/",
      scope: "openid email profile",
      code_challenge_method: "S256",
    });
    expect(screen.queryByText("inside")).toBeNull();
  });

  test("[page-sign-in] learns what the product does, and chooses the language of the page and of Cognito's form", async () => {
    gate();
    expect((await screen.findAllByRole("listitem")).map((point) => point.textContent)).toEqual(BRAND.en.points);
    expect(screen.getByText(BRAND.en.noAccount)).toBeTruthy();
    expect(screen.getByText(BRAND.en.disclaimer)).toBeTruthy();

    await userEvent.click(screen.getByRole("button", { name: "Deutsch" }));
    await userEvent.click(await screen.findByRole("button", { name: "Anmelden" }));

    await waitFor(() => expect(went).toHaveLength(1));
    expect(went[0]?.searchParams.get("lang")).toBe("de");
  });

  test("returns signed in, to the same URL", async () => {
    history.replaceState(null, "", "/?from=mail#chat");
    const before = gate();
    const query = await leave();
    before.unmount();
    history.replaceState(null, "", `/?code=abc&state=${query.get("state")}`);
    session = new Session(cognito.config);

    gate();

    expect(await screen.findByText("inside")).toBeTruthy();
    expect(location.pathname + location.search + location.hash).toBe("/?from=mail#chat");
    const [exchange] = cognito.tokenRequests as [URLSearchParams];
    expect(exchange.get("code")).toBe("abc");
    expect(challengeOf(exchange.get("code_verifier") ?? "")).toBe(query.get("code_challenge"));
    expect(await session.current()).toBe("a1");
  });

  test("can retry after Cognito refuses the sign-in", async () => {
    const before = gate();
    const state = (await leave()).get("state");
    before.unmount();
    history.replaceState(null, "", `/?error=access_denied&state=${state}`);
    session = new Session(cognito.config);

    gate();

    expect(await screen.findByText(/Sign-in failed/)).toBeTruthy();
    await waitFor(() => expect(location.search).toBe("")); // an effect clears the URL after the message renders
    expect(screen.getByRole("button", { name: "Sign in" })).toBeTruthy();
  });
});

describe("[page-sign-in] a new tab", () => {
  test("goes to Cognito at once while Cognito knows the user", async () => {
    tabs.signedIn();

    gate();

    await waitFor(() => expect(went).toHaveLength(1));
    expect(went[0]?.pathname).toBe("/oauth2/authorize");
    expect(screen.queryByRole("button", { name: "Sign in" })).toBeNull();
  });

  test.each<[string, () => void]>([
    [
      "an hour later, when Cognito has forgotten the user",
      () => localStorage.setItem("signed-in", `${Date.now() - 3_600_001}`),
    ],
    ["after a sign-out in another tab", () => tabs.signOut("elsewhere")],
    ["after the end of the session", () => tabs.ended("expired")],
    ["after a time without use", () => localStorage.setItem("last-use", `${Date.now() - 3_600_000}`)],
    ["with a clock that was put back", () => localStorage.setItem("signed-in", `${Date.now() + 60_000}`)],
  ])("asks first %s", async (_, then) => {
    session = new Session({ ...cognito.config, idleTimeoutMinutes: 30 });
    tabs.signedIn();
    then();

    gate();

    expect(await screen.findByRole("button", { name: "Sign in" })).toBeTruthy();
    expect(went).toEqual([]);
  });

  test("asks first after Cognito refused", async () => {
    tabs.signedIn();
    history.replaceState(null, "", "/?error=access_denied&state=unknown");

    gate();

    expect(await screen.findByRole("button", { name: "Sign in" })).toBeTruthy();
    expect(went).toEqual([]);
  });
});

describe("a signed-in user", () => {
  test("stays signed in at a callback URL that was used before", async () => {
    await session.manager.storeUser(user(3600));
    history.replaceState(null, "", "/?code=old&state=gone");

    gate();

    expect(await screen.findByText("inside")).toBeTruthy();
    expect(location.search).toBe("");
    expect(screen.queryByText(/Sign-in failed/)).toBeNull();
  });

  test("sees the page even with an expired access token, which can be renewed", async () => {
    await session.manager.storeUser(user(-60));

    gate();

    expect(await screen.findByText("inside")).toBeTruthy();
  });

  test("is asked to sign in again, with the reason, when the session cannot be renewed", async () => {
    await session.manager.storeUser(user(-60));
    cognito.refusal = { status: 400, body: { error: "invalid_grant" } };
    gate();
    await screen.findByText("inside");

    await session.current().catch(() => undefined);

    expect((await screen.findByRole("status")).textContent).toMatch(/session has ended/);
    expect(screen.queryByText("inside")).toBeNull();
  });

  test("has no token in localStorage", async () => {
    await session.manager.storeUser(user(3600));
    gate();
    await screen.findByText("inside");

    expect(localStorage.length).toBe(1); // the language preference
    expect(sessionStorage.length).toBe(1);
  });
});
