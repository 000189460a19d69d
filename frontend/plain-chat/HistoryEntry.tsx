import { type FormEvent, type KeyboardEvent, useState } from "react";
import { briefTime, lastActivity } from "./groups";
import { Icon } from "./Icon";
import { isComposing } from "./keys";
import type { ThreadMetadata } from "./wire";
import { words } from "./words";

interface EntryProps {
  thread: ThreadMetadata;
  locale: string;
  isCurrent: boolean;
  /** Whether an answer is being written in it. */
  isRunning: boolean;
  onOpen(): void;
  onRename(title: string): void;
  onDelete(): void;
}

/** A thread of the history, with its actions. */
export function HistoryEntry({ thread, locale, isCurrent, isRunning, onOpen, onRename, onDelete }: EntryProps) {
  const [mode, setMode] = useState<"shown" | "renaming" | "deleting">("shown");
  const [left, leave] = useState(mode);
  const back = () => {
    leave(mode);
    setMode("shown");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || isComposing(event)) return;
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
      <button type="button" className="pc-open" aria-current={isCurrent || undefined} title={title} onClick={onOpen}>
        <span>{title}</span>
        <span className={isRunning ? "pc-caption pc-progress" : "pc-caption"}>
          {isRunning ? words().answering : briefTime(lastActivity(thread), locale)}
        </span>
      </button>
      <button
        type="button"
        aria-label={words().rename(title)}
        title={words().renameIt}
        onClick={() => setMode("renaming")}
        ref={left === "renaming" ? focused : null}
      >
        <Icon name="rename" />
      </button>
      <button
        type="button"
        aria-label={words().delete(title)}
        title={words().deleteNow}
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
