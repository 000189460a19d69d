import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test } from "vitest";
import { languagePreference } from "../preferences/language";
import Allowances from "./Allowances";

const TRANSFERS = {
  id: "apr_1",
  tool: "transfer",
  words: "transfers from Cash to Savings, each up to $200.00",
  granted_at: "2026-05-20T10:00:00+00:00",
  until: "2026-08-18T10:00:00+00:00",
};
let asked: string[];
let allowed: (typeof TRANSFERS)[];
let status: number;

const session = {
  async call(route: string, method: "GET" | "POST"): Promise<Response> {
    asked.push(`${method} ${route}`);
    if (method === "POST" && status === 200) allowed = [];
    return new Response(JSON.stringify({ data: allowed }), { status });
  },
};

beforeEach(() => {
  languagePreference.set("en");
  [asked, allowed, status] = [[], [TRANSFERS], 200];
});
afterEach(cleanup);

test("loads what is allowed when it is opened, and revokes it", async () => {
  render(<Allowances session={session} />);
  expect(asked).toEqual([]);

  await userEvent.click(screen.getByText("Always allowed"));
  expect(await screen.findByText(TRANSFERS.words)).toBeDefined();
  expect(screen.getByText(/until Aug 18, 2026/)).toBeDefined();
  await userEvent.click(screen.getByRole("button", { name: "Revoke", description: TRANSFERS.words }));

  expect(await screen.findByText("The assistant asks you each time.")).toBeDefined();
  expect(screen.getByRole("status").textContent).toBe("Revoked: the assistant asks again.");
  expect(asked).toEqual(["GET /allowances", "POST /allowances/apr_1/revoke", "GET /allowances"]);
});

test("a failure leaves the list and says so", async () => {
  render(<Allowances session={session} />);
  await userEvent.click(screen.getByText("Always allowed"));
  const revoke = await screen.findByRole("button", { name: "Revoke" });
  status = 503;

  await userEvent.click(revoke);

  expect((await screen.findByRole("status")).textContent).toBe("The server did not respond. Try again.");
  expect(screen.getByText(TRANSFERS.words)).toBeDefined();
});
