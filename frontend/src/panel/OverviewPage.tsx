import { useState } from "react";
import { useLanguage } from "../preferences/language";
import { Ask } from "./Ask";
import type { Amounts } from "./amounts";
import { Bar } from "./Bar";
import type { ChatHandle } from "./contract";
import type { Category, Overview } from "./overview";
import { useLabels } from "./use-labels";
import type { OverviewState } from "./use-overview";
import { useQuestions } from "./use-questions";

const PERIODS = [1, 3, 6];

/** Balances, and spending by category in the last one, three or six months. */
export function OverviewPage({ overview, amounts, marked, chat }: PageProps) {
  const { panel } = useLanguage().words;
  const labelOf = useLabels();
  const ask = useQuestions(chat);
  const [months, choose] = useState(1);
  const spending = overview.categories
    .map((category) => ({ ...category, spent: spentIn(category, months) }))
    .sort((a, b) => b.spent - a.spent);
  const most = Math.max(...spending.map(({ spent }) => spent), 1);
  const since = months === 1 ? overview.since : monthsBefore(overview.since, months - 1);
  return (
    <>
      <section aria-labelledby="balances">
        <h2 id="balances">{panel.balances}</h2>
        <p className="total">
          <span className="muted">{panel.total}</span> {amounts.money(sum(overview.accounts.map(({ cents }) => cents)))}
        </p>
        <ul className="rows">
          {overview.accounts.map((account) => (
            <li key={account.id}>
              <Ask onAsk={() => ask.account(account)}>
                <span className="row">
                  <span>{labelOf(account)}</span>
                  <span className="figure">{amounts.money(account.cents)}</span>
                </span>
              </Ask>
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="spending">
        <h2 id="spending">
          {panel.spending}{" "}
          <span className="muted">{panel.period(amounts.day(since), amounts.day(overview.until))}</span>
        </h2>
        {overview.categories[0]?.by_month && (
          <label className="filter">
            {panel.periodName}
            <select value={months} onChange={(event) => choose(Number(event.target.value))}>
              {PERIODS.map((period) => (
                <option key={period} value={period}>
                  {panel.lastMonths(period)}
                </option>
              ))}
            </select>
          </label>
        )}
        <p className="total">
          <span className="muted">{panel.total}</span> {amounts.money(sum(spending.map(({ spent }) => spent)))}
        </p>
        <ul className="rows">
          {spending.map((category) => (
            <li key={category.id} data-marked={category.id === marked}>
              <Ask onAsk={() => ask.category(category)}>
                <span className="row">
                  <span>{labelOf(category)}</span>
                  <span className="figure">{amounts.money(category.spent)}</span>
                </span>
                <Bar part={category.spent} whole={most} />
                <small className="muted">
                  {months === 1
                    ? panel.before(amounts.round(category.spent_before))
                    : panel.perMonth(amounts.round(category.spent / months))}
                </small>
              </Ask>
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

function spentIn({ spent, by_month }: Category, months: number): number {
  return months === 1 || !by_month ? spent : sum(by_month.slice(-months));
}

function monthsBefore(iso: string, months: number): string {
  const day = new Date(`${iso}T00:00:00Z`);
  day.setUTCMonth(day.getUTCMonth() - months);
  return day.toISOString().slice(0, 10);
}

function sum(cents: number[]): number {
  return cents.reduce((before, each) => before + each, 0);
}

export interface PageProps {
  overview: Overview;
  amounts: Amounts;
  /** The category that the assistant highlights. */
  marked: string | null;
  chat: ChatHandle;
  change: OverviewState["change"];
}
