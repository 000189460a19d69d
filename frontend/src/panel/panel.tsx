import { lazy, Suspense } from "react";
import { useLanguage } from "../preferences/language";
import type { UsePanel } from "./contract";
import { PAGES } from "./overview";
import { useHostPage } from "./use-host-page";
import { useOverview } from "./use-overview";

const MoneyPanel = lazy(() => import("./MoneyPanel").then((module) => ({ default: module.MoneyPanel })));

/** Spendo's panel: the user's money. To show something else, write `app/web/panel.tsx` with the same hook. */
export const usePanel: UsePanel = ({ api, apiUrl, ready, chat, show }) => {
  const { words } = useLanguage();
  const overview = useOverview(api, apiUrl, ready);
  const { page, showPage, marked, announcement, host } = useHostPage(show, overview.refresh);
  const content = (
    <Suspense fallback={<p className="panel-loading muted">{words.start.loading}</p>}>
      <MoneyPanel state={overview} chat={chat} page={page} onPage={showPage} marked={marked} />
    </Suspense>
  );
  return {
    title: words.panel.title,
    content: overview.absent ? null : content,
    host,
    announcement,
    commands: PAGES.map((name) => ({
      id: `page:${name}`,
      label: words.panel.pages[name],
      run: () => void host.onClientTool("open_page", { page: name }),
    })),
  };
};
