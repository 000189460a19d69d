import type { Overview } from "../panel/overview";

/** A response of `GET /chatkit/overview`. */
export const OVERVIEW: Overview = {
  currency: "USD",
  since: "2026-10-26",
  until: "2026-11-25",
  accounts: [
    { id: "cash", label: "Cash", cents: 947_790 },
    { id: "savings", label: "Savings", cents: 4_322_525 },
  ],
  categories: [
    {
      id: "dining",
      label: "Dining",
      spent: 48_090,
      spent_before: 63_300,
      by_month: [0, 0, 0, 10_000, 63_300, 48_090],
      budget: 40_000,
    },
    {
      id: "groceries",
      label: "Groceries",
      spent: 81_615,
      spent_before: 78_500,
      by_month: [0, 0, 0, 69_885, 78_500, 81_615],
      budget: 90_000,
    },
    { id: "travel", label: "Travel", spent: 0, spent_before: 0, by_month: [0, 0, 0, 0, 0, 0], budget: null },
  ],
  transactions: [
    { on: "2026-11-24", account: "cash", payee: "Luigi's", cents: -3_250, category: "dining" },
    { on: "2026-11-01", account: "cash", payee: "Salary", cents: 500_000, category: null },
  ],
  savings: { saved_per_month: 120_000, left_per_month: 34_567 },
  goals: [{ id: "0123456789abcdef", name: "A boat", cents: 900_000, until: "2028-05-20", per_month: 50_000 }],
};
