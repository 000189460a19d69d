import { useEffect, useMemo } from "react";
import { BRAND } from "#brand";
import { createApiFetch } from "../api/api-fetch";
import { Chat, preloadChat } from "../chat/Chat";
import { useComposer } from "../chat/use-composer";
import type { RuntimeConfig } from "../config";
import type { Session } from "../identity/session";
import { MoneyPanel } from "../panel/MoneyPanel";
import { useHostPage } from "../panel/use-host-page";
import { useOverview } from "../panel/use-overview";
import { usePanelPlace } from "../panel/use-panel-place";
import { currentWords, useLanguage } from "../preferences/language";
import { useTheme } from "../preferences/theme";
import { Failure } from "./Failure";
import { Header } from "./Header";
import { Splash } from "./Splash";

/** The page of a signed-in user: header, chat and panel. On a phone the panel covers the chat when opened. */
export function SignedIn({ config, session }: { config: RuntimeConfig; session: Session }) {
  const { apiUrl } = config;
  const { words, language, locale } = useLanguage();
  const { shown: theme } = useTheme();
  const api = useMemo(() => createApiFetch({ apiUrl, tokens: session, words: currentWords }), [apiUrl, session]);
  useEffect(() => preloadChat(config), [config]);
  useEffect(keepDroppedFiles, []);
  const { composer, retry } = useComposer(api, apiUrl);
  // In sequence: parallel requests would each start an instance of the function.
  const overview = useOverview(api, apiUrl, composer !== null);
  const place = usePanelPlace();
  const { page, showPage, marked, announcement, host } = useHostPage(place.show, overview.refresh);
  const panel = overview.absent ? null : place;

  return (
    <div className="app" data-panel={panel?.open ?? false}>
      <a className="skip" href="#chat">
        {words.shell.skipToChat}
      </a>
      <Header session={session} panel={panel} />
      <main id="chat" tabIndex={-1}>
        <div className="chat-area" inert={panel?.covers ?? false}>
          {composer === null && <Splash text={words.chat.loading} />}
          {composer === "failed" && (
            <Failure message={words.start.unavailable} action={words.start.tryAgain} onAction={retry} />
          )}
          {composer !== null && composer !== "failed" && (
            <Chat
              {...{ api, config, composer, host, theme, locale, ...BRAND[language] }}
              frameTitle={words.chat.frameTitle}
            />
          )}
        </div>
      </main>
      {panel && (
        <aside
          id="panel"
          ref={panel.ref}
          aria-label={words.panel.title}
          hidden={!panel.open}
          onKeyDown={panel.onKeyDown}
        >
          <MoneyPanel state={overview} page={page} onPage={showPage} marked={marked} />
        </aside>
      )}
      <p className="unseen" role="status">
        {announcement}
      </p>
    </div>
  );
}

/** A file dropped next to the chat must not replace the page. The chat handles its own drops first. */
function keepDroppedFiles(): () => void {
  const keep = (event: DragEvent) => event.preventDefault();
  addEventListener("dragover", keep);
  addEventListener("drop", keep);
  return () => {
    removeEventListener("dragover", keep);
    removeEventListener("drop", keep);
  };
}
