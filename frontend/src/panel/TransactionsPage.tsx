import { useState } from "react";
import { useLanguage } from "../preferences/language";
import { Ask } from "./Ask";
import type { PageProps } from "./OverviewPage";
import { useLabels } from "./use-labels";
import { useQuestions } from "./use-questions";

const SHOWN = 30;
const INCOME = "income";

/** The newest transactions, filtered by category and by payee. */
export function TransactionsPage({ overview, amounts, marked, chat }: PageProps) {
  const { panel } = useLanguage().words;
  const labelOf = useLabels();
  const ask = useQuestions(chat);
  const [category, choose] = useState("");
  const [payee, search] = useState("");
  const [shown, show] = useState(SHOWN);
  const labels = new Map(overview.categories.map((each) => [each.id, labelOf(each)]));
  if (overview.transactions.length === 0) return <p className="muted">{panel.noTransactions}</p>;
  const wanted = payee.trim().toLocaleLowerCase();
  const found = overview.transactions.filter(
    (each) =>
      (!category || (each.category ?? INCOME) === category) &&
      (!wanted || each.payee.toLocaleLowerCase().includes(wanted)),
  );
  return (
    <>
      <div className="filters">
        <label className="filter">
          {panel.categoryName}
          <select value={category} onChange={(event) => choose(event.target.value)}>
            <option value="">{panel.all}</option>
            {[...labels].map(([id, label]) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
            <option value={INCOME}>{panel.income}</option>
          </select>
        </label>
        <label className="filter">
          {panel.payeeName}
          <input type="search" value={payee} onChange={(event) => search(event.target.value)} />
        </label>
      </div>
      {found.length === 0 && <p className="muted">{panel.nothingFound}</p>}
      <ul className="rows">
        {found.slice(0, shown).map((each, index) => {
          const day = amounts.day(each.on);
          const amount = amounts.money(each.cents);
          return (
            <li
              // biome-ignore lint/suspicious/noArrayIndexKey: transactions have no id, and the list is replaced as a whole
              key={index}
              data-marked={each.category !== null && each.category === marked}
            >
              <Ask onAsk={() => ask.transaction(each, day, amount)}>
                <span className="row">
                  <span>
                    {each.payee}
                    <small className="muted">
                      {day} · {each.category ? labels.get(each.category) : panel.income}
                    </small>
                  </span>
                  <span className="figure" data-in={each.cents > 0}>
                    {amount}
                  </span>
                </span>
              </Ask>
            </li>
          );
        })}
      </ul>
      {found.length > shown && (
        <button type="button" onClick={() => show(shown + SHOWN)}>
          {panel.more}
        </button>
      )}
    </>
  );
}
