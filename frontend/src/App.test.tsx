import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { User } from "oidc-client-ts";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { App } from "./App";
import { loadChatKit } from "./chat/chatkit-script";
import { openThread } from "./chat/open-thread";
import { createUserManager } from "./identity/session";
import { languagePreference } from "./preferences/language";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { chatProps } from "./testing/chat-props";
import { idToken } from "./testing/fake-cognito";
import { OVERVIEW } from "./testing/overview";

const { composer, config: elsewhere } = chatProps();
const config = { ...elsewhere, redirectUri: `${location.origin}/` };

vi.mock("./chat/chatkit-script", async (original) => ({
  ...(await original<object>()),
  loadChatKit: vi.fn(() => Promise.reject(new Error("blocked"))),
}));
vi.mock("../plain-chat/PlainChat", () => ({
  default: ({ greeting, theme }: { greeting: string; theme: string }) => (
    <p>
      {greeting} ({theme})
    </p>
  ),
}));

/** Responses of the stack by path. A request to any other path fails. */
let answers: Record<string, () => Response>;
let requested: string[];

function Broken(): never {
  throw new Error("a fault");
}

const json = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });

beforeEach(() => {
  languagePreference.set("en");
  sessionStorage.clear();
  history.replaceState(null, "", "/");
  vi.mocked(loadChatKit).mockClear();
  requested = [];
  answers = {
    "/config.json": () => json(config),
    "/chatkit/composer": () => json(composer),
    "/chatkit/overview": () => json(OVERVIEW),
  };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url) => {
    const { pathname } = new URL(String(url), location.href);
    requested.push(pathname);
    const answer = answers[pathname];
    if (!answer) throw new TypeError("failed to fetch");
    return answer();
  });
});

async function signIn() {
  const user = new User({
    access_token: "a0",
    token_type: "Bearer",
    refresh_token: "r1",
    profile: { sub: "ada", email: "ada@example.com", iss: "i", aud: "client", exp: 0, iat: 0 },
    expires_at: Math.floor(Date.now() / 1000) + 3600,
  });
  await createUserManager(config).storeUser(user);
}

describe("the page", () => {
  test("shows an error without its configuration, and retries", async () => {
    delete answers["/config.json"];
    render(<App />);
    expect((await screen.findByRole("alert")).textContent).toMatch(/isn't set up/);

    answers["/config.json"] = () => json(config);
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));

    expect(await screen.findByRole("button", { name: "Sign in" })).toBeTruthy();
  });

  test("redirects from another origin to the sign-in's redirect URI", async () => {
    const goes = vi.spyOn(location, "replace").mockImplementation(() => undefined);
    answers["/config.json"] = () => json(elsewhere);
    render(<App />);

    await waitFor(() => expect(goes).toHaveBeenCalledWith(elsewhere.redirectUri));
    expect(screen.queryByRole("button")).toBeNull();
  });

  test("[page-plain] is not replaced by a dropped file, signed in or not, and leaves dragged text alone (U14)", async () => {
    const dropped = (types: string[]) => {
      const drop = Object.assign(new Event("drop", { bubbles: true, cancelable: true }), { dataTransfer: { types } });
      return !document.body.dispatchEvent(drop);
    };
    const { unmount } = render(<App />);
    await screen.findByRole("button", { name: "Sign in" });
    expect([dropped(["Files"]), dropped(["text/plain"])]).toEqual([true, false]);
    unmount();
    await signIn();
    render(<App />);
    await screen.findByRole("button", { name: "Account" });
    expect([dropped(["Files"]), dropped(["text/plain"])]).toEqual([true, false]);
  });

  test("shows an error when a component throws", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    render(
      <ErrorBoundary>
        <Broken />
      </ErrorBoundary>,
    );

    expect(screen.getByRole("alert").textContent).toMatch(/went wrong/);
    expect(screen.getByRole("button", { name: "Reload the page" })).toBeTruthy();
  });
});

describe("a sign-in", () => {
  /** Return from Cognito as this user. */
  async function comeBack(sub: string) {
    const went = vi.spyOn(location, "assign").mockImplementation(() => undefined);
    void createUserManager(config).signinRedirect(); // the redirect leaves the page, so the promise never settles
    await waitFor(() => expect(went).toHaveBeenCalledOnce());
    const state = new URL(String(went.mock.lastCall?.[0])).searchParams.get("state");
    history.replaceState(null, "", `/?code=abc&state=${state}`);
    const tokens = { access_token: "a1", id_token: idToken({ sub }), token_type: "Bearer", expires_in: 3600 };
    answers["/oauth2/token"] = () => json(tokens);
    const { unmount } = render(<App />);
    await screen.findByText(/What would you like to know/);
    unmount();
    went.mockRestore();
  }

  test("restores the open thread for the same user only", async () => {
    await comeBack("ada");
    openThread.set("thread-1");

    await comeBack("ada");
    expect(openThread.get()).toBe("thread-1");
    await comeBack("bob");
    expect(openThread.get()).toBeNull();
  });
});

describe("a signed-in user", () => {
  beforeEach(signIn);

  test("sees the chat and the panel's button, after requests in sequence", async () => {
    render(<App />);

    expect(await screen.findByText(/What would you like to know/)).toBeTruthy();
    expect(screen.getByRole("button", { name: "My money" })).toBeTruthy();
    await waitFor(() => expect(requested).toEqual(["/config.json", "/chatkit/composer", "/chatkit/overview"]));
  });

  test.each([
    ["loads ChatKit's script with a domain key", "domain-key", true],
    ["does not load ChatKit's script without one", "", false],
  ])("%s", async (_, domainKey, loaded) => {
    answers["/config.json"] = () => json({ ...config, domainKey });
    render(<App />);
    await screen.findByText(/What would you like to know/);

    expect(vi.mocked(loadChatKit).mock.calls.length > 0).toBe(loaded);
  });

  test("sees no panel if the assistant has no overview", async () => {
    answers["/chatkit/overview"] = () => json({ message: "this assistant has no overview", request_id: "r" }, 404);
    render(<App />);
    await screen.findByText(/What would you like to know/);

    await waitFor(() => expect(screen.queryByRole("button", { name: "My money" })).toBeNull());
    expect(document.querySelector("#panel")).toBeNull();
  });

  test("sees an error when the chat fails to load, and can retry", async () => {
    answers["/chatkit/composer"] = () => json({ message: "no", request_id: "r" }, 403);
    render(<App />);
    expect((await screen.findByRole("alert")).textContent).toMatch(/failed to load/);

    answers["/chatkit/composer"] = () => json(composer);
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));

    expect(await screen.findByText(/What would you like to know/)).toBeTruthy();
  });

  test("closes the account menu with a click outside", async () => {
    render(<App />);
    await userEvent.click(await screen.findByRole("button", { name: "Account" }));
    await userEvent.click(screen.getByRole("radio", { name: "Light" }));
    expect(screen.getByRole("button", { name: "Sign out" })).toBeTruthy();

    await userEvent.click(screen.getByRole("main"));

    expect(screen.queryByRole("button", { name: "Sign out" })).toBeNull();
  });

  test("opens the panel over the chat on a small screen, and Escape closes it", async () => {
    window.happyDOM?.setViewport({ width: 375 });
    render(<App />);
    const button = await screen.findByRole("button", { name: "My money" });
    expect(button.getAttribute("aria-expanded")).toBe("false");

    await userEvent.click(button);

    expect(document.activeElement?.textContent).toBe("Overview");
    expect(screen.getByRole("main").querySelector("[inert]")).not.toBeNull();
    await userEvent.keyboard("{Escape}");
    expect(document.activeElement).toBe(button);
    expect(screen.getByRole("main").querySelector("[inert]")).toBeNull();
  });

  test("chooses theme and language, which are stored", async () => {
    render(<App />);
    await userEvent.click(await screen.findByRole("button", { name: "Account" }));
    expect(screen.getByText("Signed in as ada@example.com")).toBeTruthy();

    await userEvent.click(screen.getByRole("radio", { name: "Dark" }));
    await userEvent.click(screen.getByRole("radio", { name: "Deutsch" }));

    expect(await screen.findByText("Was möchten Sie über Ihr Geld wissen? (dark)")).toBeTruthy();
    expect([document.documentElement.dataset.theme, document.documentElement.lang]).toEqual(["dark", "de"]);
    expect([localStorage.getItem("theme"), localStorage.getItem("language")]).toEqual(["dark", "de"]);
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByRole("button", { name: "Abmelden" })).toBeNull();
    expect(document.activeElement?.textContent).toBe("Konto");
  });

  test("sees the panel next to the chat on a wide screen", async () => {
    window.happyDOM?.setViewport({ width: 1280 });
    render(<App />);

    expect((await screen.findByRole("button", { name: "My money" })).getAttribute("aria-expanded")).toBe("true");
    expect(screen.getByRole("complementary", { name: "My money" })).toBeTruthy();
    expect(screen.getByRole("main").querySelector("[inert]")).toBeNull();
  });

  test("[page-panel] finds the panel as they left it, and a small window does not count", async () => {
    window.happyDOM?.setViewport({ width: 1280 });
    const visit = async () => {
      const { unmount } = render(<App />);
      return { unmount, button: await screen.findByRole("button", { name: "My money" }) };
    };
    const first = await visit();
    await userEvent.click(first.button);
    first.unmount();
    const second = await visit();
    expect(second.button.getAttribute("aria-expanded")).toBe("false");
    await userEvent.click(second.button);
    second.unmount();
    window.happyDOM?.setViewport({ width: 375 });
    const small = await visit();
    expect(document.querySelector("#panel")?.childElementCount).toBe(0); // not rendered before it is opened
    await userEvent.click(small.button);
    expect(document.querySelector("#panel")?.childElementCount).toBeGreaterThan(0);
    await userEvent.keyboard("{Escape}");
    small.unmount();
    window.happyDOM?.setViewport({ width: 1280 });

    expect((await visit()).button.getAttribute("aria-expanded")).toBe("true");
  });

  test("returns to the sign-in page when the API refuses renewed tokens", async () => {
    answers["/chatkit/composer"] = () => json({ message: "no", request_id: "r" }, 401);
    answers["/oauth2/token"] = () => json({ error: "invalid_grant" }, 400);
    render(<App />);

    expect(await screen.findByText(/session has ended/)).toBeTruthy();
    expect(screen.getByRole("button", { name: "Sign in" })).toBeTruthy();
  });
});
