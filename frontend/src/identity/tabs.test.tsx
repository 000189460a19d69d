import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { User } from "oidc-client-ts";
import { AuthProvider } from "react-oidc-context";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { authorizedFetch, SessionEndedError } from "../api/authorized-fetch";
import { languagePreference } from "../preferences/language";
import { AccountMenu } from "../shell/AccountMenu";
import { FakeCognito } from "../testing/fake-cognito";
import { json, LocalServer } from "../testing/local-server";
import { SignInGate } from "./SignInGate";
import { Session } from "./session";
import { tabs } from "./tabs";

const MINUTE = 60_000;
const CORS = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
let cognito: FakeCognito;
let went: string[];

beforeEach(async () => {
  cognito = await FakeCognito.start();
  sessionStorage.clear();
  localStorage.clear();
  history.replaceState(null, "", "/");
  languagePreference.set("en");
  went = [];
  vi.spyOn(location, "assign").mockImplementation((url) => void went.push(String(url)));
});

afterEach(async () => {
  vi.useRealTimers();
  cleanup();
  await cognito.server.stop();
});

/** Show a tab whose session has the refresh token `r1`. */
async function tab(idleTimeoutMinutes = 0): Promise<Session> {
  const session = new Session({ ...cognito.config, idleTimeoutMinutes });
  await session.manager.storeUser(
    new User({
      access_token: "a0",
      token_type: "Bearer",
      refresh_token: "r1",
      profile: { sub: "ada", email: "ada@example.com", iss: "i", aud: "client", exp: 0, iat: 0 },
      expires_at: Math.floor(Date.now() / 1000) + 3600,
    }),
  );
  render(
    <AuthProvider userManager={session.manager}>
      <SignInGate session={session}>
        <AccountMenu session={session} />
        <p>inside</p>
      </SignInGate>
    </AuthProvider>,
  );
  await screen.findByText("inside");
  if (idleTimeoutMinutes) await waitFor(() => expect(localStorage.getItem("last-use")).not.toBeNull());
  return session;
}

/** Sign out in another tab of the browser: its write to localStorage and the event that this tab gets. */
function otherTabSignsOut(reason: "elsewhere" | "idle" = "elsewhere"): void {
  const here = { ...sessionStorage };
  tabs.signOut(reason);
  for (const [key, value] of Object.entries(here)) sessionStorage.setItem(key, String(value));
  act(() => void dispatchEvent(new StorageEvent("storage", { key: "sign-out" })));
}

const revoked = () =>
  cognito.server.arrived.filter(({ path, method }) => path === "/oauth2/revoke" && method === "POST");

describe("a sign-out in another tab", () => {
  test("ends this tab's session, revokes its own refresh token and says why", async () => {
    const session = await tab();

    otherTabSignsOut();

    expect((await screen.findByRole("status")).textContent).toMatch(/signed out in another tab/);
    expect(screen.queryByText("inside")).toBeNull();
    expect(revoked()).toHaveLength(1);
    await expect(session.current()).rejects.toThrow(SessionEndedError);
    expect(went).toEqual([]); // the other tab ends Cognito's session
  });

  test("is found by a tab that missed the event, before its first request", async () => {
    const session = await tab();
    cleanup();
    tabs.signOut("elsewhere");

    await expect(session.current()).rejects.toThrow(SessionEndedError);
    act(() => void dispatchEvent(new Event("pageshow")));
  });

  test("does not end a session that began later", async () => {
    tabs.signOut("elsewhere");
    tabs.signIn();
    const session = await tab();

    expect(await session.current()).toBe("a0");
    expect(session.ended).toBeUndefined();
  });
});

describe("signing out on all devices", () => {
  let api: LocalServer;
  let status: number;
  beforeEach(async () => {
    status = 200;
    api = await LocalServer.start((_, response) => json(response, status, {}, CORS));
    const real = fetch;
    vi.spyOn(globalThis, "fetch").mockImplementation((url, init) => {
      const { pathname } = new URL(String(url), location.href);
      return real(pathname.startsWith("/chatkit/") ? `${api.url}${pathname}` : url, init);
    });
  });
  afterEach(() => api.stop());

  test("asks the API first, then signs out all tabs and at Cognito", async () => {
    await tab();
    await userEvent.click(screen.getByRole("button", { name: "Account" }));

    await userEvent.click(screen.getByRole("button", { name: "Sign out on all devices" }));

    await waitFor(() => expect(went).toHaveLength(1));
    expect(api.arrived.at(-1)?.headers["x-auth-token"]).toBe("a0");
    expect(revoked()).toHaveLength(1);
    expect(localStorage.getItem("sign-out")).toMatch(/^elsewhere /);
    expect(screen.getByRole("button", { name: "Sign in" })).toBeTruthy();
  });

  test("shares its way of calling the API with requests that have no body", async () => {
    const session = await tab();

    expect((await session.call("/allowances", "GET")).status).toBe(200);
    const got = api.arrived.at(-1);
    expect([got?.method, got?.path, got?.headers["x-auth-token"]]).toEqual(["GET", "/chatkit/allowances", "a0"]);
  });

  test("keeps the session and says so when the API does not confirm it", async () => {
    status = 503;
    const session = await tab();
    await userEvent.click(screen.getByRole("button", { name: "Account" }));

    await userEvent.click(screen.getByRole("button", { name: "Sign out on all devices" }));

    expect((await screen.findByRole("status")).textContent).toMatch(/still signed in/);
    expect(await session.current()).toBe("a0");
    expect(went).toEqual([]);
  });
});

describe("a 401 of the API", () => {
  const request = () => ({ url: new URL("http://localhost:3000/chatkit"), init: {}, body: null });

  test.each([
    ["signed_out", /signed out on all devices/],
    ["erased", /data was deleted/],
  ])("with the reason %s ends the session at once and says why", async (reason, words) => {
    const session = await tab();
    const sent = vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(async () => Response.json({ message: "no", reason }, { status: 401 }));

    const answer = await authorizedFetch(request(), session);

    expect(answer.status).toBe(401);
    expect(sent).toHaveBeenCalledTimes(1); // a renewed token has the same sign-in
    expect((await screen.findByRole("status")).textContent).toMatch(words);
  });
});

describe("an idle timeout", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], shouldAdvanceTime: true });
  });

  test("is off by default and then stores nothing", async () => {
    await tab(0);
    await act(() => vi.advanceTimersByTimeAsync(600 * MINUTE));

    expect(screen.getByText("inside")).toBeTruthy();
    expect(localStorage.getItem("last-use")).toBeNull();
  });

  test("warns, then signs out everywhere in this browser and at Cognito", async () => {
    await tab(15);
    await act(() => vi.advanceTimersByTimeAsync(13.9 * MINUTE));
    expect(screen.queryByRole("status")).toBeNull();
    await act(() => vi.advanceTimersByTimeAsync(0.2 * MINUTE));
    expect(screen.getByRole("status").textContent).toMatch(/less than a minute/);

    await act(() => vi.advanceTimersByTimeAsync(MINUTE));

    await waitFor(() => expect(went[0]).toMatch(/\/logout\?/));
    expect(screen.getByRole("status").textContent).toMatch(/not used for a while/);
    expect(localStorage.getItem("sign-out")).toMatch(/^idle /);
  });

  test("begins anew with each use, in any tab", async () => {
    await tab(15);
    for (let n = 0; n < 4; n += 1) {
      await act(() => vi.advanceTimersByTimeAsync(14.5 * MINUTE));
      if (n % 2) act(() => void dispatchEvent(new Event("pointerdown")));
      else {
        localStorage.setItem("last-use", `${Date.now()}`); // another tab
        act(() => void dispatchEvent(new StorageEvent("storage", { key: "last-use" })));
      }
    }

    expect(screen.getByText("inside")).toBeTruthy();
    expect(screen.queryByRole("status")).toBeNull();
    expect(went).toEqual([]);
  });

  test("is not undone by the first use after the machine slept", async () => {
    const session = await tab(15);
    vi.setSystemTime(Date.now() + 60 * MINUTE); // no timer ran

    act(() => void dispatchEvent(new Event("pointermove")));

    await expect(session.current()).rejects.toThrow(SessionEndedError);
    await waitFor(() => expect(went[0]).toMatch(/\/logout\?/));
  });

  test("refuses tokens to a restored tab", async () => {
    localStorage.setItem("last-use", `${Date.now() - 60 * MINUTE}`);
    const session = new Session({ ...cognito.config, idleTimeoutMinutes: 15 });
    await session.manager.storeUser(
      new User({
        access_token: "a0",
        token_type: "Bearer",
        profile: { sub: "ada", iss: "i", aud: "client", exp: 0, iat: 0 },
      }),
    );

    await expect(session.current()).rejects.toThrow(SessionEndedError);
  });
});
