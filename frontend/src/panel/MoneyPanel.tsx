import { useEffect, useMemo, useRef } from "react";
import { useLanguage } from "../preferences/language";
import { Notice } from "../shell/Notice";
import { amountsOf } from "./amounts";
import { BudgetsPage } from "./BudgetsPage";
import type { ChatHandle } from "./contract";
import { GoalsPage } from "./GoalsPage";
import { OverviewPage, type PageProps } from "./OverviewPage";
import { PAGES, type Page } from "./overview";
import { Tabs } from "./Tabs";
import { TransactionsPage } from "./TransactionsPage";
import type { OverviewState } from "./use-overview";

const SHOWS: Record<Page, (props: PageProps) => React.ReactNode> = {
  overview: OverviewPage,
  transactions: TransactionsPage,
  budgets: BudgetsPage,
  goals: GoalsPage,
};

/** "My money": the figures that the assistant talks about. */
export function MoneyPanel({ state, chat, page, onPage, marked }: MoneyPanelProps) {
  const { words, locale } = useLanguage();
  const { overview, failed, refresh, change } = state;
  const Shown = SHOWS[page];
  const currency = overview?.currency;
  // Formats are slow to make: 20 ms on a phone.
  const amounts = useMemo(() => (currency ? amountsOf(locale, currency) : null), [locale, currency]);
  const marks = useRef<HTMLDivElement>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: both change which row is marked
  useEffect(() => {
    marks.current?.querySelector("[data-marked=true]")?.scrollIntoView({ block: "nearest" });
  }, [marked, page]);

  return (
    <Tabs names={PAGES} labels={words.panel.pages} shown={page} onShow={onPage}>
      {failed && (
        <div className="panel-failure">
          <Notice>{words.panel.failed}</Notice>
          <button type="button" onClick={refresh}>
            {words.panel.refresh}
          </button>
        </div>
      )}
      {overview && amounts && (
        <div ref={marks} className="shown-page">
          <Shown {...{ overview, marked, chat, change, amounts }} />
        </div>
      )}
      {!overview && !failed && <p className="muted">{words.start.loading}</p>}
    </Tabs>
  );
}

interface MoneyPanelProps {
  state: OverviewState;
  chat: ChatHandle;
  page: Page;
  onPage: (page: Page) => void;
  marked: string | null;
}
