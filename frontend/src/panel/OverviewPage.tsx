import { useLanguage } from "../preferences/language";
import type { Amounts } from "./amounts";
import { Bar } from "./Bar";
import type { Overview } from "./overview";
import { useLabels } from "./use-labels";

/** Balances, and spending by category compared with the month before. */
export function OverviewPage({ overview, amounts, marked }: PageProps) {
  const { panel } = useLanguage().words;
  const labelOf = useLabels();
  const spending = overview.categories.toSorted((a, b) => b.spent - a.spent);
  const most = Math.max(...spending.map(({ spent }) => spent), 1);
  return (
    <>
      <section aria-labelledby="balances">
        <h2 id="balances">{panel.balances}</h2>
        <p className="total">
          <span className="muted">{panel.total}</span> {amounts.money(sum(overview.accounts.map(({ cents }) => cents)))}
        </p>
        <ul className="rows">
          {overview.accounts.map(({ id, label, cents }) => (
            <li key={id} className="row">
              <span>{labelOf({ id, label })}</span>
              <span className="figure">{amounts.money(cents)}</span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="spending">
        <h2 id="spending">
          {panel.spending}{" "}
          <span className="muted">{panel.period(amounts.day(overview.since), amounts.day(overview.until))}</span>
        </h2>
        <p className="total">
          <span className="muted">{panel.total}</span>{" "}
          {amounts.money(sum(overview.categories.map(({ spent }) => spent)))}
        </p>
        <ul className="rows">
          {spending.map(({ id, label, spent, spent_before }) => (
            <li key={id} data-marked={id === marked}>
              <span className="row">
                <span>{labelOf({ id, label })}</span>
                <span className="figure">{amounts.money(spent)}</span>
              </span>
              <Bar part={spent} whole={most} />
              <small className="muted">{panel.before(amounts.round(spent_before))}</small>
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

function sum(cents: number[]): number {
  return cents.reduce((before, each) => before + each, 0);
}

export interface PageProps {
  overview: Overview;
  amounts: Amounts;
  /** The category that the assistant highlights. */
  marked: string | null;
}
