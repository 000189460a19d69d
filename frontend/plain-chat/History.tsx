import { type FormEvent, type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import { Icon } from "./Icon";
import type { ChatClient } from "./protocol";
import type { Page, ThreadMetadata } from "./wire";
import { words } from "./words";

const PAGE = 20;

interface HistoryProps {
  client: ChatClient;
  locale: string;
  /** Id of the open thread. */
  current: string | undefined;
  onOpen(threadId: string): void;
  onRenamed(threadId: string, title: string): void;
  onDeleted(threadId: string): void;
}

/** The user's threads, newest first, with actions to open, rename and delete. */
export function History({ client, locale, current, onOpen, onRenamed, onDeleted }: HistoryProps) {
  const [page, setPage] = useState<Page<ThreadMetadata> | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const region = useRef<HTMLElement>(null);
  const attempt = useCallback(async (work: () => Promise<void>) => {
    setProblem(null);
    await work().catch((error: unknown) => setProblem(error instanceof Error ? error.message : words().didNotWork));
  }, []);
  const load = useCallback(
    (after?: string) =>
      attempt(async () => {
        const next = await client.call("threads.list", { limit: PAGE, order: "desc", ...(after && { after }) });
        setPage((shown) => (after && shown ? { ...next, data: [...shown.data, ...next.data] } : next));
      }),
    [client, attempt],
  );
  useEffect(() => void load(), [load]);

  const rename = (id: string, title: string) =>
    attempt(async () => {
      await client.call("threads.update", { thread_id: id, title });
      setPage(
        (shown) => shown && { ...shown, data: shown.data.map((each) => (each.id === id ? { ...each, title } : each)) },
      );
      onRenamed(id, title);
    });
  const remove = (id: string) => {
    region.current?.focus(); // the focused button disappears
    return attempt(async () => {
      await client.call("threads.delete", { thread_id: id });
      setPage((shown) => shown && { ...shown, data: shown.data.filter((each) => each.id !== id) });
      onDeleted(id);
    });
  };

  return (
    <section className="pc-history" aria-label={words().history} ref={region} tabIndex={-1}>
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
      <ul>
        {page?.data.map((thread) => (
          <Entry
            key={thread.id}
            thread={thread}
            locale={locale}
            isCurrent={thread.id === current}
            onOpen={() => onOpen(thread.id)}
            onRename={(title) => rename(thread.id, title)}
            onDelete={() => remove(thread.id)}
          />
        ))}
      </ul>
      {page?.has_more && (
        <button type="button" className="pc-button" onClick={() => load(page.after)}>
          {words().more}
        </button>
      )}
    </section>
  );
}

interface EntryProps {
  thread: ThreadMetadata;
  locale: string;
  isCurrent: boolean;
  onOpen(): void;
  onRename(title: string): void;
  onDelete(): void;
}

function Entry({ thread, locale, isCurrent, onOpen, onRename, onDelete }: EntryProps) {
  const [mode, setMode] = useState<"shown" | "renaming" | "deleting">("shown");
  const [left, leave] = useState(mode);
  const back = () => {
    leave(mode);
    setMode("shown");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation(); // the chat would leave the history
    back();
  };
  const title = thread.title || words().untitled;
  if (mode === "renaming") {
    const save = (event: FormEvent<HTMLFormElement>) => {
      event.preventDefault();
      const typed = String(new FormData(event.currentTarget).get("title")).trim();
      if (typed && typed !== thread.title) onRename(typed);
      back();
    };
    return (
      <li>
        <form className="pc-row" onSubmit={save} onKeyDown={onKeyDown}>
          <input
            className="pc-field"
            name="title"
            aria-label={words().newTitle}
            defaultValue={thread.title}
            maxLength={200}
            ref={selected}
          />
          <button type="submit" className="pc-button pc-primary">
            {words().save}
          </button>
          <button type="button" className="pc-button" onClick={back}>
            {words().keep}
          </button>
        </form>
      </li>
    );
  }
  if (mode === "deleting") {
    return (
      <li>
        <div className="pc-row" role="alertdialog" aria-label={words().confirmDelete(title)} onKeyDown={onKeyDown}>
          <span className="pc-file-name">{words().confirmDelete(title)}</span>
          <button type="button" className="pc-button pc-danger" onClick={onDelete}>
            {words().deleteNow}
          </button>
          <button type="button" className="pc-button" onClick={back} ref={focused}>
            {words().keep}
          </button>
        </div>
      </li>
    );
  }
  return (
    <li className="pc-row">
      <button type="button" className="pc-open" aria-current={isCurrent || undefined} onClick={onOpen}>
        <span>{title}</span>
        <span className="pc-caption">{day(thread.created_at, locale)}</span>
      </button>
      <button
        type="button"
        aria-label={words().rename(title)}
        onClick={() => setMode("renaming")}
        ref={left === "renaming" ? focused : null}
      >
        <Icon name="rename" />
      </button>
      <button
        type="button"
        aria-label={words().delete(title)}
        onClick={() => setMode("deleting")}
        ref={left === "deleting" ? focused : null}
      >
        <Icon name="remove" />
      </button>
    </li>
  );
}

/** Moves the focus to a form when it opens, and back to its button when it closes. */
const focused = (element: HTMLElement | null) => element?.focus();

/** Moves the focus to a title and selects it, so that typing replaces it. */
const selected = (element: HTMLInputElement | null) => {
  element?.focus();
  element?.select();
};

/** The server's timestamps are UTC without a time zone. */
function day(time: string, locale: string): string {
  const date = new Date(/[Z+]/.test(time) ? time : `${time}Z`);
  return Number.isNaN(date.getTime()) ? "" : new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(date);
}
