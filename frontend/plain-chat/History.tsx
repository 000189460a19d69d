import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { WithExtras } from "./extra-parts";
import { grouped } from "./groups";
import { HistoryEntry } from "./HistoryEntry";
import { Icon } from "./Icon";
import { isComposing } from "./keys";
import type { ChatClient } from "./protocol";
import type { Page, ThreadMetadata } from "./wire";
import { words } from "./words";

const PAGE = 20;
const LOOK_MS = 10_000;

interface HistoryProps {
  client: ChatClient;
  locale: string;
  /** The open thread, whose title can change during a turn. */
  open: ThreadMetadata | null;
  /** The search field, for shortcuts. */
  field: RefObject<HTMLInputElement | null>;
  onOpen(threadId: string, itemId?: string): void;
  onRenamed(threadId: string, title: string): void;
  onDeleted(threadId: string): void;
}

/** The user's threads by day, newest first, with a search, and actions to open, rename and delete. */
export function History({ client, locale, open, field, onOpen, onRenamed, onDeleted }: HistoryProps) {
  const { page, problem, load, rename, remove } = useThreads(client, open);
  const running = useRunning(client);
  const [query, setQuery] = useState("");
  const [submitted, submit] = useState(0);
  const region = useRef<HTMLElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "Escape" && query) {
      event.stopPropagation(); // the chat would leave the history
      setQuery("");
      field.current?.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") walk(event, region.current);
  };

  return (
    <section className="pc-history" aria-label={words().history} ref={region} tabIndex={-1} onKeyDown={onKeyDown}>
      <search>
        <form
          className="pc-search"
          onSubmit={(event) => {
            event.preventDefault();
            submit(submitted + 1);
          }}
        >
          <Icon name="search" />
          <input
            ref={field}
            type="search"
            value={query}
            maxLength={200}
            aria-label={words().search}
            placeholder={words().search}
            onChange={(event) => setQuery(event.target.value)}
          />
        </form>
      </search>
      {query.trim() && !searchable(query) && <p className="pc-muted">{words().searchHint}</p>}
      {searchable(query) ? (
        <WithExtras>
          {({ SearchResults }) => (
            <SearchResults client={client} query={query} submitted={submitted} locale={locale} onOpen={onOpen} />
          )}
        </WithExtras>
      ) : (
        <>
          {problem && (
            <div className="pc-failure" role="alert">
              <p>{problem}</p>
              {!page && (
                <button type="button" className="pc-button" onClick={() => load()}>
                  {words().retry}
                </button>
              )}
            </div>
          )}
          {!page && !problem && <p className="pc-progress">{words().loading}</p>}
          {page?.data.length === 0 && <p className="pc-muted">{words().none}</p>}
          {grouped(page?.data ?? [], locale).map(({ label, threads }) => (
            <div key={label} className="pc-group">
              <h3>{label}</h3>
              <ul>
                {threads.map((thread) => (
                  <HistoryEntry
                    key={thread.id}
                    thread={thread}
                    locale={locale}
                    isCurrent={thread.id === open?.id}
                    isRunning={running.has(thread.id)}
                    onOpen={() => onOpen(thread.id)}
                    onRename={(title) => rename(thread.id, title).then((done) => done && onRenamed(thread.id, title))}
                    onDelete={() => {
                      region.current?.focus(); // the focused button disappears
                      void remove(thread.id).then((done) => done && onDeleted(thread.id));
                    }}
                  />
                ))}
              </ul>
            </div>
          ))}
          {page?.has_more && (
            <button type="button" className="pc-button" onClick={() => load(page.after)}>
              {words().more}
            </button>
          )}
        </>
      )}
    </section>
  );
}

/** The running turns by thread. Asks the server for their ends, as long as there are any. */
function useRunning(client: ChatClient): ReadonlyMap<string, string> {
  const running = useSyncExternalStore(client.turns.subscribe, client.turns.snapshot);
  useEffect(() => {
    if (running.size === 0) return;
    const look = () => document.hidden || void client.call("threads.list", { limit: 1, order: "desc" }).catch(() => {});
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, [client, running]);
  return running;
}

/** The pages of threads loaded so far, with the open thread as it is now. */
function useThreads(client: ChatClient, open: ThreadMetadata | null) {
  const [page, setPage] = useState<Page<ThreadMetadata> | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const attempt = useCallback(async (work: () => Promise<void>): Promise<boolean> => {
    setProblem(null);
    try {
      await work();
      return true;
    } catch (error) {
      setProblem(error instanceof Error ? error.message : words().didNotWork);
      return false;
    }
  }, []);
  const load = useCallback(
    (after?: string) =>
      attempt(async () => {
        const next = await client.call("threads.list", { limit: PAGE, order: "desc", ...(after && { after }) });
        setPage((shown) => (after && shown ? { ...next, data: joined(shown.data, next.data) } : next));
      }),
    [client, attempt],
  );
  useEffect(() => void load(), [load]);
  useEffect(() => {
    if (open) setPage((shown) => shown && { ...shown, data: withThread(shown.data, open) });
  }, [open]);

  const rename = (id: string, title: string) =>
    attempt(async () => {
      await client.call("threads.update", { thread_id: id, title });
      setPage(
        (shown) => shown && { ...shown, data: shown.data.map((each) => (each.id === id ? { ...each, title } : each)) },
      );
    });
  const remove = (id: string) =>
    attempt(async () => {
      await client.call("threads.delete", { thread_id: id });
      setPage((shown) => shown && { ...shown, data: shown.data.filter((each) => each.id !== id) });
    });
  return { page, problem, load, rename, remove };
}

/** Append a page. A thread that moved meanwhile stays in its first place. */
function joined(shown: ThreadMetadata[], next: ThreadMetadata[]): ThreadMetadata[] {
  const known = new Set(shown.map(({ id }) => id));
  return [...shown, ...next.filter(({ id }) => !known.has(id))];
}

/** Update a thread in the list, or put a new one first. An older one that is not loaded yet is not added. */
function withThread(shown: ThreadMetadata[], thread: ThreadMetadata): ThreadMetadata[] {
  if (shown.some(({ id }) => id === thread.id)) {
    return shown.map((each) => (each.id === thread.id ? { ...each, ...thread } : each));
  }
  return thread.created_at >= (shown[0]?.created_at ?? "") ? [thread, ...shown] : shown;
}

/** Move the focus with the arrow keys between the search field and the threads. */
function walk(event: KeyboardEvent, region: HTMLElement | null): void {
  const stops = [...(region?.querySelectorAll<HTMLElement>("input[type=search], .pc-open") ?? [])];
  const at = stops.indexOf(event.target as HTMLElement);
  const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (at < 0 || !next) return;
  event.preventDefault();
  next.focus();
}

/** Whether a query has a word of at least two letters, or one of a script that writes words as one character. */
function searchable(query: string): boolean {
  const letters = query.match(/[\p{L}\p{N}]/gu) ?? [];
  return letters.length > 1 || letters.some((letter) => letter.charCodeAt(0) > 127);
}
