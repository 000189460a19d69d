import { useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { BRAND } from "#brand";
import { usePanel } from "#panel";
import { createApiFetch } from "../api/api-fetch";
import { Chat, preloadChat } from "../chat/Chat";
import { useComposer } from "../chat/use-composer";
import type { RuntimeConfig } from "../config";
import type { Session } from "../identity/session";
import type { ChatHandle } from "../panel/contract";
import { type PanelPlace, usePanelPlace } from "../panel/use-panel-place";
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
  const { composer, retry } = useComposer(api, apiUrl);
  // In sequence: parallel requests would each start an instance of the function.
  const place = usePanelPlace();
  const { handle, chat } = useChatCommands(place);
  const { title, content, host, announcement, commands } = usePanel({
    ...{ api, apiUrl, chat },
    ready: composer !== null,
    show: place.show,
  });
  const panel = content === null ? null : place;
  const opened = useRef(false); // a phone never renders a panel that its user does not open
  opened.current ||= panel?.open ?? false;
  const [toolbar, setToolbar] = useState<HTMLElement | null>(null);

  return (
    <div className="app" data-panel={panel?.open ?? false}>
      <a className="skip" href="#chat">
        {words.shell.skipToChat}
      </a>
      <Header session={session} panel={panel} title={title} toolbar={setToolbar} />
      <main id="chat" tabIndex={-1}>
        <div className="chat-area" inert={panel?.covers ?? false}>
          {composer === null && <Splash text={words.chat.loading} />}
          {composer === "failed" && (
            <Failure message={words.start.unavailable} action={words.start.tryAgain} onAction={retry} />
          )}
          {composer !== null && composer !== "failed" && (
            <Chat
              {...{ api, config, composer, host, handle, commands, toolbar, theme, locale, ...BRAND[language] }}
              frameTitle={words.chat.frameTitle}
            />
          )}
        </div>
      </main>
      {panel && (
        <aside id="panel" ref={panel.ref} aria-label={title} hidden={!panel.open} onKeyDown={panel.onKeyDown}>
          {opened.current && content}
        </aside>
      )}
      <p className="unseen" role="status">
        {announcement}
      </p>
    </div>
  );
}

/** The chat's commands for the panel: stable, and each closes a panel that covers the chat. */
function useChatCommands({ uncover }: PanelPlace) {
  const handle = useRef<ChatHandle>(null);
  const chat = useMemo<ChatHandle>(
    () => ({
      write(text, mentioned) {
        flushSync(uncover); // an inert composer cannot take the focus
        handle.current?.write(text, mentioned);
      },
      send(text) {
        flushSync(uncover);
        handle.current?.send(text);
      },
      open(threadId) {
        flushSync(uncover);
        handle.current?.open(threadId);
      },
    }),
    [uncover],
  );
  return { handle, chat };
}
