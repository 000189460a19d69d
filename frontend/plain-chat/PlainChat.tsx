/**
 * A chat component for pages where ChatKit's script fails to load. Same protocol, same `fetch`; see README.md.
 *
 * `session.ts` runs the requests, `conversation.ts` applies the events to the state, and the components render it.
 */
import {
  type DragEvent,
  type KeyboardEvent,
  use,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { createPortal, flushSync } from "react-dom";
import { Composer, type ComposerHandle } from "./Composer";
import { type Extras, loadExtras, useExtrasSoon } from "./extra-parts";
import { useFocus } from "./focus";
import { History } from "./History";
import { Icon } from "./Icon";
import { useKeptThread, useReloads } from "./kept-thread";
import { isComposing } from "./keys";
import type { Mentioned, PlainChatProps } from "./props";
import { ChatClient } from "./protocol";
import { useRail } from "./rail";
import { StartScreen } from "./StartScreen";
import { ChatSession } from "./session";
import { useShortcuts } from "./shortcuts";
import { Transcript } from "./Transcript";
import "./plain-chat.css";
import type { ThreadItem, ThreadMetadata, UserContent } from "./wire";
import { setWords, translation, words } from "./words";

export default function PlainChat(props: PlainChatProps) {
  const strings = translation(props.locale);
  setWords(strings instanceof Promise ? use(strings) : strings); // before the children render
  const { client, session } = useSession(props);
  const now = useSyncExternalStore(session.subscribe, session.snapshot);
  const chat = useRef<HTMLElement>(null);
  const composer = useRef<ComposerHandle>(null);
  const search = useRef<HTMLInputElement>(null);
  const rail = useRail(chat);
  const [instead, showInstead] = useState(false);
  const inHistory = instead && !rail.wide; // the history takes the place of the conversation
  const historyShown = rail.wide ? rail.open : inHistory;
  const [Help, setHelp] = useState<Extras["ShortcutHelp"] | null>(null);
  const [dragging, dragOver] = useState(false);
  const answering = now.phase === "answering";
  const closed = closedBecause(now.thread?.status);
  useKeptThread(session, now, props.openThread);
  useReloads(session);
  useFocus(chat, composer);
  useExtrasSoon();

  const write = () => {
    flushSync(() => showInstead(false)); // hidden elements cannot take the focus
    composer.current?.focus();
  };
  const begin = () => {
    session.leave();
    write();
  };
  const open = (threadId: string, itemId?: string) => {
    void session.open(threadId, itemId); // the open one, too: it may have grown on another device
    write();
  };
  const compose = (text: string, mentioned: Mentioned[] = []) => {
    write();
    composer.current?.write(text, mentioned);
  };
  useImperativeHandle(props.handle, () => ({
    write: compose,
    send: (text) => void session.send(saying(text)).then((sent) => sent || compose(text)),
    open,
  }));
  const toggleHistory = () => (rail.wide ? rail.toggle() : showInstead(!instead));
  useShortcuts({
    search: () => {
      if (!historyShown) flushSync(toggleHistory);
      search.current?.focus();
      search.current?.select();
    },
    begin,
    history: toggleHistory,
    write,
    copyLast: () => void navigator.clipboard.writeText(lastAnswer(now.items)).catch(() => {}),
    help: () => void help(),
  });
  const help = async () => {
    const extras = await session.loaded(loadExtras);
    if (extras) setHelp(() => extras.ShortcutHelp);
  };
  const saveAsMarkdown = async (thread: ThreadMetadata) => {
    const save = (await session.loaded(loadExtras))?.saveAsMarkdown;
    if (save) await session.loaded(() => save(client, thread, props.locale));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || isComposing(event) || (event.target as Element).closest("dialog")) return; // it closes the dialog only
    if (inHistory) write();
    else if (answering) session.stop();
  };
  const drop = (event: DragEvent) => {
    dragOver(false);
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    composer.current?.attach(event.dataTransfer.files);
  };

  const header = (
    <div className="pc-header">
      <button
        type="button"
        aria-label={words().history}
        title={words().history}
        aria-pressed={historyShown}
        onClick={toggleHistory}
      >
        <Icon name="history" />
      </button>
      <h2>{inHistory ? words().history : now.thread?.title || words().newConversation}</h2>
      {now.thread && !inHistory && (
        <button
          type="button"
          aria-label={words().exportIt}
          title={words().exportIt}
          onClick={() => now.thread && void saveAsMarkdown(now.thread)}
        >
          <Icon name="save" />
        </button>
      )}
      <button
        type="button"
        className="pc-keyboard"
        aria-label={words().keyboard}
        title={words().keyboard}
        onClick={() => void help()}
      >
        <Icon name="keyboard" />
      </button>
      <button type="button" aria-label={words().newConversation} title={words().newConversation} onClick={begin}>
        <Icon name="plus" />
      </button>
    </div>
  );

  return (
    <section
      className="pc"
      ref={chat}
      data-theme={props.theme}
      aria-label={props.frameTitle}
      onKeyDown={onKeyDown}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes("Files")) return; // a text field takes dragged text itself
        event.preventDefault();
        dragOver(true);
      }}
      onDragLeave={(event) => event.currentTarget.contains(event.relatedTarget as Node | null) || dragOver(false)}
      onDrop={drop}
    >
      {dragging && props.composer.attachments.enabled && <p className="pc-drop">{words().dropHere}</p>}
      {props.toolbar ? createPortal(header, props.toolbar) : header}
      {Help && <Help onClose={() => setHelp(null)} />}
      <div className="pc-views" data-rail={rail.wide && rail.open}>
        {historyShown && (
          <History
            client={client}
            locale={props.locale}
            open={now.thread}
            field={search}
            onOpen={open}
            onRenamed={(id, title) => id === now.thread?.id && session.renamed(title)}
            onDeleted={(id) => id === now.thread?.id && session.leave()}
          />
        )}
        <div className="pc-body" hidden={inHistory}>
          {now.thread || now.items.length || now.failure || now.phase === "loading" ? (
            <Transcript now={now} session={session} closed={closed} />
          ) : (
            <StartScreen
              greeting={props.greeting}
              prompts={props.prompts}
              onPrompt={(text) => session.send(saying(text))}
            />
          )}
          {now.waiting && (
            <div className="pc-waiting">
              <p role="status">
                {words().waits} <q dir="auto">{textOfContent(now.waiting.content)}</q>
              </p>
              <button type="button" className="pc-button" onClick={() => session.withdraw()}>
                {words().unsend}
              </button>
            </div>
          )}
          <Composer
            client={client}
            offer={props.composer}
            placeholder={props.placeholder}
            answering={answering}
            mayStop={now.mayStop}
            waiting={now.phase === "loading" || now.waiting !== null}
            closed={closed}
            refusedFile={now.failure?.fileId}
            threadId={now.thread?.id}
            drafts={props.drafts}
            handle={composer}
            onSend={(message) => session.send(message)}
            onStop={() => session.stop()}
            onEditLast={() => [...(chat.current?.querySelectorAll<HTMLElement>(".pc-edit") ?? [])].at(-1)?.click()}
          />
        </div>
      </div>
      <p className="pc-unseen" role="status">
        {(answering && now.progress) || now.changed || (answering && words().answering)}
      </p>
      {props.disclaimer && <p className="pc-disclaimer">{props.disclaimer}</p>}
    </section>
  );
}

/** Create one client and one session for the lifetime of the chat. Both use the latest props. */
function useSession(props: PlainChatProps): { client: ChatClient; session: ChatSession } {
  const latest = useRef(props);
  useLayoutEffect(() => {
    latest.current = props;
  });
  const [made] = useState(() => {
    const client = new ChatClient((url, init) => latest.current.api(url, init), props.apiUrl);
    return { client, session: new ChatSession(client, () => latest.current.host) };
  });
  return made;
}

function lastAnswer(items: readonly ThreadItem[]): string {
  const last = items.findLast((item) => item.type === "assistant_message");
  return last?.content.map(({ text }) => text).join("\n\n") ?? "";
}

function textOfContent(content: readonly UserContent[]): string {
  return content.map((part) => (part.type === "input_tag" ? `@${part.text}` : part.text)).join("");
}

function saying(text: string) {
  return {
    input: { content: [{ type: "input_text" as const, text }], attachments: [], inference_options: {} },
    attachments: [],
  };
}

function closedBecause(status: { type: string; reason?: string } | undefined): string | null {
  if (!status || status.type === "active") return null;
  return status.reason ?? words().closed;
}
