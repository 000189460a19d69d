import { useLanguage } from "../preferences/language";
import type { PageProps } from "./OverviewPage";

/** What a usual month leaves for a goal. The coach plans goals in the conversation, and keeps none. */
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
