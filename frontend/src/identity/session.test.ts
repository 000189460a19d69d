// @vitest-environment node
import { User } from "oidc-client-ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SessionEndedError } from "../api/authorized-fetch";
import { FakeCognito } from "../testing/fake-cognito";
import { MemoryStorage } from "../testing/memory-storage";
import { Session } from "./session";

let cognito: FakeCognito;
let session: Session;
let went: string[];

beforeEach(async () => {
  cognito = await FakeCognito.start();
  went = [];
  vi.stubGlobal("sessionStorage", new MemoryStorage());
  vi.stubGlobal("localStorage", new MemoryStorage());
  vi.stubGlobal("location", { pathname: "/", search: "", hash: "", assign: (url: string) => went.push(url) });
  session = new Session(cognito.config);
});

afterEach(async () => {
  vi.unstubAllGlobals();
  await cognito.server.stop();
});

/** A signed-in user whose access token `a0` is valid for this many seconds. */
async function signedIn(seconds: number, refreshToken = "r1") {
  await session.manager.storeUser(
    new User({
      access_token: "a0",
      token_type: "Bearer",
      refresh_token: refreshToken,
      profile: { sub: "ada", iss: "i", aud: "client", exp: 0, iat: 0 },
      expires_at: Math.floor(Date.now() / 1000) + seconds,
    }),
  );
}

describe("an access token", () => {
  test("is used while it is valid", async () => {
    await signedIn(3600);

    expect(await session.current()).toBe("a0");
    expect(cognito.tokenRequests).toEqual([]);
  });

  test("is renewed before it expires, once for all concurrent requests", async () => {
    await signedIn(30);

    expect(await Promise.all([session.current(), session.current(), session.renewed("a0")])).toEqual([
      "a1",
      "a1",
      "a1",
    ]);
    expect(cognito.tokenRequests).toHaveLength(1);
    expect(Object.fromEntries(cognito.tokenRequests[0] as URLSearchParams)).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "r1",
      client_id: "client",
    });
  });

  test("is renewed after a refusal, unless another request has renewed it", async () => {
    await signedIn(3600);

    expect(await session.renewed("a0")).toBe("a1");
    expect(await session.renewed("a0")).toBe("a1");
    expect(await session.current()).toBe("a1");
    expect(cognito.tokenRequests).toHaveLength(1);
  });
});

describe("a session", () => {
  test("ends when Cognito refuses to renew it", async () => {
    await signedIn(-5);
    cognito.refusal = { status: 400, body: { error: "invalid_grant" } };

    await expect(session.current()).rejects.toThrow(SessionEndedError);
    expect(session.ended).toBe("expired");
    expect(await session.manager.getUser()).toBeNull();
    await expect(session.current()).rejects.toThrow(SessionEndedError);
  });

  test("ends without a refresh token", async () => {
    await signedIn(-5, "");

    await expect(session.current()).rejects.toThrow(SessionEndedError);
    expect(session.ended).toBe("expired");
  });

  test("survives a network error at Cognito", async () => {
    await signedIn(-5);
    cognito.refusal = { status: 503, body: {} };
    await expect(session.current()).rejects.not.toThrow(SessionEndedError);
    expect(session.ended).toBeUndefined();
    cognito.refusal = null;

    expect(await session.current()).toBe("a1");
  });

  test.each([
    [429, { error: "too_many_requests", error_description: "Too many requests" }],
    [400, { error: "temporarily_unavailable" }],
    [500, { error: "server_error" }],
  ])("survives the error %d %j of the token endpoint", async (status, body) => {
    await signedIn(-5);
    cognito.refusal = { status, body };

    await expect(session.current()).rejects.not.toThrow(SessionEndedError);

    expect(session.ended).toBeUndefined();
    cognito.refusal = null;
    expect(await session.current()).toBe("a1");
  });

  test.each(["invalid_grant", "invalid_client", "unauthorized_client"])("ends by the error %s", async (error) => {
    await signedIn(-5);
    cognito.refusal = { status: 400, body: { error } };

    await expect(session.current()).rejects.toThrow(SessionEndedError);

    expect(session.ended).toBe("expired");
  });

  test("ends at Cognito on sign-out, which sends no id token", async () => {
    await signedIn(3600);
    sessionStorage.setItem("open-thread", "t");

    await session.signOut();

    const { url, arrived } = cognito.server;
    expect(went).toEqual([`${url}/logout?client_id=client&logout_uri=http%3A%2F%2Flocalhost%3A3000%2F`]);
    const revocation = arrived.find(({ path, method }) => path === "/oauth2/revoke" && method === "POST");
    expect(Object.fromEntries(new URLSearchParams(revocation?.body.toString()))).toMatchObject({
      token: "r1",
      client_id: "client",
    });
    expect(sessionStorage.length).toBe(0);
    expect(session.ended).toBeUndefined();
  });

  test.each([
    ["succeeds", null],
    ["is refused", { status: 400, body: { error: "invalid_grant" } }],
  ])("stays signed out when a renewal %s after the sign-out", async (_, refusal) => {
    await signedIn(-5);
    cognito.refusal = refusal;
    const answer = cognito.holds("/oauth2/token");
    const renewal = session.current();
    await vi.waitFor(() => expect(cognito.tokenRequests).toHaveLength(1));

    await session.signOut();
    answer();

    await expect(renewal).rejects.toThrow(SessionEndedError);
    expect(sessionStorage.length).toBe(0);
    expect(session.ended).toBeUndefined();
  });

  test("stays signed out when the revocation responds late", async () => {
    await signedIn(3600);
    const answer = cognito.holds("/oauth2/revoke");
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const signingOut = session.signOut();
    await expect(session.current()).rejects.toThrow(SessionEndedError);
    vi.advanceTimersByTime(2_000);
    vi.useRealTimers();
    await signingOut;
    const late = new Promise((resolve) => session.manager.events.addUserLoaded(resolve));

    answer();
    await late;

    expect(sessionStorage.length).toBe(0);
  });
});
