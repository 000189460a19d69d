import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { languagePreference, loadWords } from "../preferences/language";
import { OVERVIEW } from "../testing/overview";
import { MoneyPanel } from "./MoneyPanel";
import type { Page } from "./overview";
import type { OverviewState } from "./use-overview";

const change = vi.fn(async (): Promise<string | null> => null);
const chat = { write: vi.fn(), send: vi.fn(), open: vi.fn() };
const STATE: OverviewState = { overview: OVERVIEW, failed: false, absent: false, refresh: () => undefined, change };

function Panel({
  state = STATE,
  first = "overview",
  marked = null,
}: {
  state?: OverviewState;
  first?: Page;
  marked?: string | null;
}) {
  const [page, setPage] = useState<Page>(first);
  return <MoneyPanel state={state} chat={chat} page={page} onPage={setPage} marked={marked} />;
}

/** The text of each row on the current page. */
const rows = () => screen.getAllByRole("listitem").map((row) => row.textContent?.replace("Ask about it", ""));

beforeEach(() => languagePreference.set("en"));
afterEach(() => languagePreference.set("en"));

describe("the panel", () => {
  test("shows balances, and spending in descending order with the month before", () => {
    render(<Panel />);

    expect(rows()).toEqual([
      "Cash$9,477.90",
      "Savings$43,225.25",
      "Groceries$816.15$785 the month before",
      "Dining$480.90$633 the month before",
      "Travel$0.00$0 the month before",
    ]);
    expect(screen.getByText("$52,703.15")).toBeTruthy();
    expect(screen.getByText("Oct 26 – Nov 25")).toBeTruthy();
  });

  test("shows transactions with day and category", () => {
    render(<Panel first="transactions" />);

    expect(rows()).toEqual(["Luigi'sNov 24 · Dining−$32.50", "SalaryNov 1 · Income and transfers$5,000.00"]);
  });

  test("shows the amounts left and over in each budget", () => {
    render(<Panel first="budgets" />);

    expect(rows()).toEqual([
      "Dining$480.90 of $400.00$80.90 overEdit",
      "Groceries$816.15 of $900.00$83.85 leftEdit",
      "Travel$0.00Set",
    ]);
  });

  test("explains how to get a budget when there are none", () => {
    const categories = OVERVIEW.categories.map((each) => ({ ...each, budget: null }));
    render(<Panel first="budgets" state={{ ...STATE, overview: { ...OVERVIEW, categories } }} />);

    expect(screen.getByText(/No budgets yet/)).toBeTruthy();
  });

  test("shows the amounts available for a goal", () => {
    render(<Panel first="goals" />);

    expect(rows()).toEqual([
      "A boat$9,000.00$500.00 a month until May 2028Remove",
      "Saved in a typical month$1,200.00",
      "Left over in a typical month$345.67",
    ]);
  });

  test("marks the highlighted category and scrolls to it", () => {
    const shown = vi.spyOn(Element.prototype, "scrollIntoView");
    render(<Panel marked="dining" />);

    const marked = screen.getAllByRole("listitem").filter((row) => row.dataset.marked === "true");
    expect(marked.map((row) => row.textContent?.replace("Ask about it", ""))).toEqual([
      "Dining$480.90$633 the month before",
    ]);
    expect(shown.mock.contexts).toEqual(marked);
  });

  test("uses the page's language", async () => {
    await loadWords("de");
    languagePreference.set("de");
    render(<Panel first="budgets" />);

    expect(screen.getByRole("tab", { selected: true }).textContent).toBe("Budgets");
    expect(rows()[0]).toMatch(/^Essengehen480,90.\$ von 400,00.\$80,90.\$ über dem Budget/);
  });
});

describe("[page-panel-chat] a click in the panel", () => {
  const click = async (name: RegExp) => userEvent.click(screen.getByRole("button", { name }));
  beforeEach(() => vi.clearAllMocks());

  test("asks the chat about an account or a category, as a mention", async () => {
    render(<Panel />);

    await click(/^Cash/);
    await click(/^Dining/);

    const [, [text, mentioned]] = chat.write.mock.calls as [unknown, [string, unknown]];
    expect(text).toContain("@Dining");
    expect(mentioned).toEqual([{ id: "category:dining", title: "Dining", data: { kind: "category", name: "dining" } }]);
    expect(chat.write.mock.calls[0]?.[1][0].id).toBe("account:cash");
  });

  test.each([
    ["transactions", /^Luigi's/, "Luigi's on Nov 24"],
    ["budgets", /^Groceries/, "my budget for @Groceries"],
    ["goals", /^A boat/, "my goal “A boat”"],
  ] as const)("asks about an entry of %s", async (first, name, asked) => {
    render(<Panel first={first} />);

    await click(name);

    expect(chat.write.mock.calls[0]?.[0]).toContain(asked);
  });

  test("starts to plan a goal", async () => {
    render(<Panel first="goals" />);

    await click(/^Plan a goal/);

    expect(chat.send).toHaveBeenCalledOnce();
  });
});

describe("[panel-changes] budgets and goals", () => {
  beforeEach(() => vi.clearAllMocks());

  test("are changed in place; a refusal stands at the field", async () => {
    change.mockResolvedValueOnce("Too much.");
    render(<Panel first="budgets" />);
    await userEvent.click(screen.getByRole("button", { name: "Edit the budget for Dining" }));
    const field = screen.getByLabelText("Budget for Dining, in dollars a month") as HTMLInputElement;
    expect([field.value, field.min, field.max, document.activeElement]).toEqual(["400", "1", "1000000", field]);
    await userEvent.clear(field);
    await userEvent.type(field, "450.5");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));

    expect((await screen.findByRole("alert")).textContent).toBe("Too much.");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));

    expect(change.mock.calls).toEqual(
      Array.from({ length: 2 }, () => [{ type: "budget.set", category: "dining", cents: 45_050 }]),
    );
    expect(screen.queryByLabelText(/^Budget for Dining/)).toBeNull();
  });

  test("are removed", async () => {
    const { unmount } = render(<Panel first="budgets" />);
    await userEvent.click(screen.getByRole("button", { name: "Edit the budget for Dining" }));
    await userEvent.click(screen.getByRole("button", { name: "Remove" }));
    unmount();
    render(<Panel first="goals" />);
    await userEvent.click(screen.getByRole("button", { name: "Remove the goal A boat" }));

    expect(change.mock.calls).toEqual([
      [{ type: "budget.remove", category: "dining" }],
      [{ type: "goal.remove", id: "0123456789abcdef" }],
    ]);
  });
});

describe("periods and filters", () => {
  test("[page-panel-filters] add up the months of a period, with their mean", async () => {
    render(<Panel />);

    await userEvent.selectOptions(screen.getByLabelText("Period"), "Last 3 months");

    expect(rows()[2]).toBe("Groceries$2,300.00$767 a month on average");
    expect(screen.getByText("Aug 26 – Nov 25")).toBeTruthy();
  });

  test("show the transactions of a category and a payee", async () => {
    render(<Panel first="transactions" />);

    await userEvent.selectOptions(screen.getByLabelText("Category"), "Income and transfers");
    expect(rows()).toEqual(["SalaryNov 1 · Income and transfers$5,000.00"]);
    await userEvent.type(screen.getByLabelText("Payee"), "luigi");

    expect(screen.getByText("Nothing matches these filters.")).toBeTruthy();
  });
});

describe("the panel's tabs", () => {
  test("are one stop of the Tab key, with arrow keys between them", async () => {
    const user = userEvent.setup();
    render(<Panel />);

    await user.tab();
    expect(document.activeElement?.textContent).toBe("Overview");
    await user.keyboard("{ArrowRight}");
    expect(document.activeElement?.textContent).toBe("Transactions");
    expect(screen.getByRole("tabpanel", { name: "Transactions" })).toBeTruthy();
    await user.keyboard("{End}");
    expect(screen.getByRole("tabpanel", { name: "Goals" })).toBeTruthy();
    await user.keyboard("{ArrowRight}");
    expect(screen.getByRole("tabpanel", { name: "Overview" })).toBeTruthy();
    await user.tab();
    expect(document.activeElement?.getAttribute("role")).toBe("tabpanel");
  });
});

describe("a panel without figures", () => {
  test("shows that they are loading", () => {
    render(<Panel state={{ ...STATE, overview: null }} />);

    expect(screen.getByText("Loading…")).toBeTruthy();
  });

  test("shows an error, and retries", async () => {
    const refresh = vi.fn();
    render(<Panel state={{ ...STATE, overview: null, failed: true, refresh }} />);

    expect(screen.getByRole("status").textContent).toMatch(/failed to load/);
    await userEvent.click(screen.getByRole("button", { name: "Refresh" }));
    expect(refresh).toHaveBeenCalledOnce();
  });

  test("keeps the old figures when a refresh fails", () => {
    render(<Panel state={{ ...STATE, failed: true }} />);

    expect(within(screen.getByRole("tabpanel")).getByRole("status")).toBeTruthy();
    expect(rows()).toHaveLength(5);
  });
});
