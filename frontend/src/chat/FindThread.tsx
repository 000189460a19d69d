import { useEffect, useRef, useState } from "react";
import type { ApiFetch } from "../api/api-fetch";
import { useLanguage } from "../preferences/language";
import { type FoundThread, findThreads } from "./find-threads";

const PAUSE_MS = 250;

interface FindThreadProps {
  api: ApiFetch;
  apiUrl: string;
  onOpen: (threadId: string) => void;
  onClose: () => void;
}

/** A dialog that finds a conversation by its words. ChatKit's own history has no search. */
export default function FindThread({ api, apiUrl, onOpen, onClose }: FindThreadProps) {
  const { shell } = useLanguage().words;
  const dialog = useRef<HTMLDialogElement>(null);
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<FoundThread[] | null>(null);

  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    let current = true;
    setFound(null);
    const search = async () => {
      const hits = query.trim() ? await findThreads(api, apiUrl, query) : null;
      if (current) setFound(hits);
    };
    const timer = setTimeout(() => void search(), PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [api, apiUrl, query]);

  return (
    <dialog ref={dialog} className="find" aria-label={shell.findConversation} onClose={onClose}>
      <form method="dialog" className="row">
        <input
          type="search"
          aria-label={shell.searchFor}
          placeholder={shell.searchFor}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
        />
        <button type="submit">{shell.close}</button>
      </form>
      <p className="muted" role="status">
        {found?.length === 0 ? shell.noneFound : ""}
      </p>
      <ul className="rows">
        {found?.map(({ thread_id, title, snippet }) => (
          <li key={thread_id}>
            <button type="button" className="ask" onClick={() => onOpen(thread_id)}>
              <span dir="auto">{title}</span>
              <small className="muted" dir="auto">
                {snippet.map((part, at) =>
                  // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text
                  at % 2 ? <mark key={at}>{part}</mark> : part,
                )}
              </small>
            </button>
          </li>
        ))}
      </ul>
    </dialog>
  );
}
