import { useLanguage } from "../preferences/language";
import type { PageProps } from "./OverviewPage";
import { useLabels } from "./use-labels";

/** The newest transactions. */
export function TransactionsPage({ overview, amounts, marked }: PageProps) {
  const { panel } = useLanguage().words;
  const labelOf = useLabels();
  const labels = new Map(overview.categories.map((each) => [each.id, labelOf(each)]));
  if (overview.transactions.length === 0) return <p className="muted">{panel.noTransactions}</p>;
  return (
    <ul className="rows">
      {overview.transactions.map(({ on, payee, cents, category }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: transactions have no id, and the list is replaced as a whole
        <li key={index} className="row" data-marked={category !== null && category === marked}>
          <span>
            {payee}
            <small className="muted">
              {amounts.day(on)} · {category ? labels.get(category) : panel.income}
            </small>
          </span>
          <span className="figure" data-in={cents > 0}>
            {amounts.money(cents)}
          </span>
        </li>
      ))}
    </ul>
  );
}
