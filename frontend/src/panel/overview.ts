/** The response of `GET /chatkit/overview` (`functions/chat/coach/overview.py`). Amounts are whole cents. */
export interface Overview {
  currency: string;
  /** First and last day of the spending period. */
  since: string;
  until: string;
  accounts: { id: string; label: string; cents: number }[];
  categories: Category[];
  /** Newest first. `category` is null for income and transfers. */
  transactions: { on: string; account: string; payee: string; cents: number; category: string | null }[];
  savings: { saved_per_month: number; left_per_month: number };
  /** The earliest first. Absent from a server of an earlier version. */
  goals?: Goal[];
}

export interface Goal {
  id: string;
  name: string;
  cents: number;
  until: string;
  per_month: number;
}

/** A change of the overview: `POST /chatkit/overview`. */
export type Change =
  | { type: "budget.set"; category: string; cents: number }
  | { type: "budget.remove"; category: string }
  | { type: "goal.remove"; id: string };

export interface Category {
  id: string;
  label: string;
  spent: number;
  spent_before: number;
  /** The last six months, the oldest first. Absent from a server of an earlier version. */
  by_month?: number[];
  budget: number | null;
}

export const PAGES = ["overview", "transactions", "budgets", "goals"] as const;
export type Page = (typeof PAGES)[number];

export function isPage(value: unknown): value is Page {
  return PAGES.some((page) => page === value);
}
