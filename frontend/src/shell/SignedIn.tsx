import { useCallback, useEffect, useMemo, useState } from "react";
import { createApiFetch } from "../api/api-fetch";
import { getJson } from "../api/get-json";
import { BRAND } from "../brand";
import { Chat } from "../chat/Chat";
import type { Composer } from "../chat/chat-props";
import type { RuntimeConfig } from "../config";
import type { Session } from "../identity/session";
import { MoneyPanel } from "../panel/MoneyPanel";
import { useHostPage } from "../panel/use-host-page";
import { useOverview } from "../panel/use-overview";
import { currentWords, useLanguage } from "../preferences/language";
import { useTheme } from "../preferences/theme";
import { Failure } from "./Failure";
import { Header } from "./Header";
import { Splash } from "./Splash";

/** The page of a person who is signed in: header, chat, and the panel beside it (on a phone, above it when asked for). */
export function SignedIn({ config, session }: { config: RuntimeConfig; session: Session }) {
  const { words, language, locale } = useLanguage();
  const { shown: theme } = useTheme();
  const api = useMemo(
    () => createApiFetch({ apiUrl: config.apiUrl, tokens: session, words: currentWords }),
    [config, session],
  );
  const [composer, setComposer] = useState<Composer | "failed" | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [panelOpen, setPanelOpen] = useState(() => matchMedia("(min-width: 60rem)").matches);
  const overview = useOverview(api, config.apiUrl);
  const { refresh } = overview;
  const openPanel = useCallback(() => setPanelOpen(true), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: refresh is the same function at heart
  const renew = useCallback(() => refresh(), []);
  const { page, marked, announcement, host, showPage } = useHostPage(openPanel, renew);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt loads anew
  useEffect(() => {
    let current = true;
    getJson<Composer>(api, `${config.apiUrl}/composer`).then(
      (loaded) => current && setComposer(loaded),
      () => current && setComposer("failed"),
    );
    return () => {
      current = false;
    };
  }, [api, config, attempt]);

  const hasPanel = !overview.absent;
  return (
    <div className="app" data-panel={hasPanel && panelOpen}>
      <a className="skip" href="#chat">
        {words.shell.skipToChat}
      </a>
      <Header session={session} panel={hasPanel ? { open: panelOpen, toggle: () => setPanelOpen(!panelOpen) } : null} />
      <main id="chat" tabIndex={-1}>
        {composer === null && <Splash>{words.chat.loading}</Splash>}
        {composer === "failed" && (
          <Failure
            message={words.start.unavailable}
            action={words.start.tryAgain}
            onAction={() => setAttempt(attempt + 1)}
          />
        )}
        {composer !== null && composer !== "failed" && (
          <Chat
            api={api}
            config={config}
            composer={composer}
            host={host}
            theme={theme}
            locale={locale}
            frameTitle={words.chat.frameTitle}
            {...BRAND[language]}
          />
        )}
      </main>
      {hasPanel && (
        <aside id="panel" aria-label={words.panel.title} hidden={!panelOpen}>
          <MoneyPanel state={overview} page={page} onPage={showPage} marked={marked} />
        </aside>
      )}
      <p className="unseen" role="status">
        {announcement}
      </p>
    </div>
  );
}
