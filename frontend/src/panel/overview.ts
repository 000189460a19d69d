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
}

export interface Category {
  id: string;
  label: string;
  spent: number;
  spent_before: number;
  budget: number | null;
}

export const PAGES = ["overview", "transactions", "budgets", "goals"] as const;
export type Page = (typeof PAGES)[number];

export function isPage(value: unknown): value is Page {
  return PAGES.some((page) => page === value);
}
