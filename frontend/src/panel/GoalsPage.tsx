import { useLanguage } from "../preferences/language";
import type { PageProps } from "./OverviewPage";

/** The amounts of a typical month that are available for a goal. Goals are planned in the chat and not stored. */
export function GoalsPage({ overview: { savings }, amounts }: PageProps) {
  const { panel } = useLanguage().words;
  return (
    <>
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
      <p className="muted">{panel.goalHint}</p>
    </>
  );
}
