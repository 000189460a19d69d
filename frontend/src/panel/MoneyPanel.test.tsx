import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { languagePreference } from "../preferences/language";
import { OVERVIEW } from "../testing/overview";
import { MoneyPanel } from "./MoneyPanel";
import type { Page } from "./overview";
import type { OverviewState } from "./use-overview";

const STATE: OverviewState = { overview: OVERVIEW, failed: false, absent: false, refresh: () => undefined };

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
  return <MoneyPanel state={state} page={page} onPage={setPage} marked={marked} />;
}

/** The text of each row on the current page. */
const rows = () => screen.getAllByRole("listitem").map((row) => row.textContent);

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

    expect(rows()).toEqual(["Dining$480.90 of $400.00$80.90 over", "Groceries$816.15 of $900.00$83.85 left"]);
  });

  test("explains how to get a budget when there are none", () => {
    const categories = OVERVIEW.categories.map((each) => ({ ...each, budget: null }));
    render(<Panel first="budgets" state={{ ...STATE, overview: { ...OVERVIEW, categories } }} />);

    expect(screen.getByText(/No budgets yet/)).toBeTruthy();
  });

  test("shows the amounts available for a goal", () => {
    render(<Panel first="goals" />);

    expect(rows()).toEqual(["Saved in a typical month$1,200.00", "Left over in a typical month$345.67"]);
  });

  test("marks the highlighted category and scrolls to it", () => {
    const shown = vi.spyOn(Element.prototype, "scrollIntoView");
    render(<Panel marked="dining" />);

    const marked = screen.getAllByRole("listitem").filter((row) => row.dataset.marked === "true");
    expect(marked.map((row) => row.textContent)).toEqual(["Dining$480.90$633 the month before"]);
    expect(shown.mock.contexts).toEqual(marked);
  });

  test("uses the page's language", () => {
    languagePreference.set("de");
    render(<Panel first="budgets" />);

    expect(screen.getByRole("tab", { selected: true }).textContent).toBe("Budgets");
    expect(rows()[0]).toMatch(/^Essengehen480,90.\$ von 400,00.\$80,90.\$ über dem Budget$/);
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
