import { useLanguage } from "../preferences/language";
import { Bar } from "./Bar";
import type { PageProps } from "./OverviewPage";
import { useLabels } from "./use-labels";

/** Spending against each budget. */
export function BudgetsPage({ overview, amounts, marked }: PageProps) {
  const { panel } = useLanguage().words;
  const labelOf = useLabels();
  const budgets = overview.categories.filter(({ budget }) => budget !== null);
  if (budgets.length === 0) return <p className="muted">{panel.noBudgets}</p>;
  return (
    <ul className="rows">
      {budgets.map(({ id, label, spent, budget }) => {
        const left = (budget ?? 0) - spent;
        return (
          <li key={id} data-marked={id === marked}>
            <span className="row">
              <span>{labelOf({ id, label })}</span>
              <span className="figure">{panel.budgetOf(amounts.money(spent), amounts.money(budget ?? 0))}</span>
            </span>
            <Bar part={spent} whole={budget ?? 0} />
            <small className="muted">
              {left < 0 ? panel.over(amounts.money(-left)) : panel.left(amounts.money(left))}
            </small>
          </li>
        );
      })}
    </ul>
  );
}
