import { type FormEvent, useId, useRef, useState } from "react";
import { useLanguage } from "../preferences/language";
import { Ask } from "./Ask";
import { Bar } from "./Bar";
import type { PageProps } from "./OverviewPage";
import type { Category } from "./overview";
import { useLabels } from "./use-labels";
import { useQuestions } from "./use-questions";

const MAX_DOLLARS = 1_000_000; // the server's limit

/** Spending against each budget. Every category can get a budget, change it or lose it. */
export function BudgetsPage({ overview, amounts, marked, chat, change }: PageProps) {
  const { panel } = useLanguage().words;
  const labelOf = useLabels();
  const [edited, edit] = useState<string | null>(null);
  const ask = useQuestions(chat);
  const sorted = overview.categories.toSorted((a, b) => Number(b.budget !== null) - Number(a.budget !== null));
  return (
    <>
      {sorted.every(({ budget }) => budget === null) && <p className="muted">{panel.noBudgets}</p>}
      <ul className="rows">
        {sorted.map((category) => (
          <li key={category.id} data-marked={category.id === marked}>
            {edited === category.id ? (
              <BudgetForm category={category} onClose={() => edit(null)} change={change} />
            ) : (
              <div className="row">
                <Ask onAsk={() => ask.budget(category)}>
                  <BudgetFigures category={category} amounts={amounts} />
                </Ask>
                <button
                  type="button"
                  className="quiet"
                  aria-label={(category.budget === null ? panel.setBudget : panel.editBudget)(labelOf(category))}
                  onClick={() => edit(category.id)}
                >
                  {category.budget === null ? panel.set : panel.edit}
                </button>
              </div>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

function BudgetFigures({ category, amounts }: { category: Category } & Pick<PageProps, "amounts">) {
  const { panel } = useLanguage().words;
  const { spent, budget } = category;
  const name = <span>{useLabels()(category)}</span>;
  if (budget === null) {
    return (
      <span className="row">
        {name}
        <span className="figure muted">{amounts.money(spent)}</span>
      </span>
    );
  }
  const left = budget - spent;
  return (
    <>
      <span className="row">
        {name}
        <span className="figure">{panel.budgetOf(amounts.money(spent), amounts.money(budget))}</span>
      </span>
      <Bar part={spent} whole={budget} />
      <small className="muted">{left < 0 ? panel.over(amounts.money(-left)) : panel.left(amounts.money(left))}</small>
    </>
  );
}

interface BudgetFormProps extends Pick<PageProps, "change"> {
  category: Category;
  onClose: () => void;
}

function BudgetForm({ category, change, onClose }: BudgetFormProps) {
  const { panel, start } = useLanguage().words;
  const [problem, setProblem] = useState<string | null>(null);
  const [saving, setSaving] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const label = useLabels()(category);

  async function carryOut(wanted: Parameters<PageProps["change"]>[0]) {
    setSaving(true);
    const refused = await change(wanted).catch(() => start.failed);
    setSaving(false);
    if (refused) setProblem(refused);
    else onClose();
  }
  function save(event: FormEvent) {
    event.preventDefault();
    const cents = Math.round((field.current?.valueAsNumber ?? 0) * 100);
    void carryOut({ type: "budget.set", category: category.id, cents });
  }
  return (
    <form
      className="budget-form"
      onSubmit={save}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.nativeEvent.isComposing) return;
        event.stopPropagation(); // it would close the panel
        onClose();
      }}
    >
      <label htmlFor={id}>{panel.budgetFor(label)}</label>
      <input
        id={id}
        ref={field}
        // biome-ignore lint/a11y/noAutofocus: the user asked for this field by a click
        autoFocus
        type="number"
        inputMode="decimal"
        required
        min={1}
        max={MAX_DOLLARS}
        step="any"
        defaultValue={category.budget === null ? "" : category.budget / 100}
        aria-describedby={problem ? `${id}-problem` : undefined}
      />
      {problem && (
        <p id={`${id}-problem`} role="alert" className="problem">
          {problem}
        </p>
      )}
      <span className="row">
        <button type="submit" className="primary" disabled={saving}>
          {panel.save}
        </button>
        <button type="button" onClick={onClose}>
          {panel.cancel}
        </button>
        {category.budget !== null && (
          <button
            type="button"
            disabled={saving}
            onClick={() => void carryOut({ type: "budget.remove", category: category.id })}
          >
            {panel.remove}
          </button>
        )}
      </span>
    </form>
  );
}
