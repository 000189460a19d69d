import { useState } from "react";
import { useLanguage } from "../preferences/language";
import { Notice } from "../shell/Notice";
import { Ask } from "./Ask";
import type { PageProps } from "./OverviewPage";
import { useQuestions } from "./use-questions";

/** The saved goals, and the amounts of a typical month that are available for them. The chat plans a goal. */
export function GoalsPage({ overview: { savings, goals = [] }, amounts, chat, change }: PageProps) {
  const { panel, start } = useLanguage().words;
  const ask = useQuestions(chat);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async (id: string) => setProblem(await change({ type: "goal.remove", id }).catch(() => start.failed));
  return (
    <>
      {problem && <Notice>{problem}</Notice>}
      {goals.length > 0 && (
        <ul className="rows" aria-label={panel.pages.goals}>
          {goals.map(({ id, name, cents, until, per_month }) => (
            <li key={id} className="row">
              <Ask onAsk={() => ask.goal(name)}>
                <span className="row">
                  <span dir="auto">{name}</span>
                  <span className="figure">{amounts.money(cents)}</span>
                </span>
                <small className="muted">{panel.goalNeeds(amounts.money(per_month), amounts.date(until))}</small>
              </Ask>
              <button
                type="button"
                className="quiet"
                aria-label={panel.removeGoal(name)}
                onClick={() => void remove(id)}
              >
                {panel.remove}
              </button>
            </li>
          ))}
        </ul>
      )}
      <ul className="rows">
        <li className="row">
          <span>{panel.savedPerMonth}</span>
          <span className="figure">{amounts.money(savings.saved_per_month)}</span>
        </li>
        <li className="row">
          <span>{panel.leftPerMonth}</span>
          <span className="figure">{amounts.money(savings.left_per_month)}</span>
        </li>
      </ul>
      {goals.length === 0 && <p className="muted">{panel.goalHint}</p>}
      <button type="button" onClick={() => chat.send(panel.ask.newGoal)}>
        {panel.planGoal}
      </button>
    </>
  );
}
