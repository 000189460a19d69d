import { useEffect, useRef } from "react";
import { briefTime, timeOf } from "./groups";
import type { ChatClient } from "./protocol";
import { useSearch } from "./search";
import type { SearchHit } from "./wire";
import { words } from "./words";

interface SearchResultsProps {
  client: ChatClient;
  query: string;
  /** Changes when the user asks to search now instead of after a pause in typing. */
  submitted: number;
  locale: string;
  onOpen(threadId: string, itemId?: string): void;
}

/** The threads that a search has found so far, and how far it has come. */
export function SearchResults({ client, query, submitted, locale, onOpen }: SearchResultsProps) {
  const { results, problem, busy, now, further } = useSearch(client, query);
  const before = useRef(submitted);
  useEffect(() => {
    if (submitted !== before.current) now();
    before.current = submitted;
  });
  return (
    <>
      {problem && (
        <div className="pc-failure" role="alert">
          <p>{problem}</p>
          <button type="button" className="pc-button" onClick={results ? further : now}>
            {words().retry}
          </button>
        </div>
      )}
      {results && results.hits.length > 0 && (
        <ul>
          {results.hits.map((hit) => (
            <li key={hit.thread_id}>
              <Result hit={hit} locale={locale} onOpen={() => onOpen(hit.thread_id, hit.item_id ?? undefined)} />
            </li>
          ))}
        </ul>
      )}
      <p className="pc-muted" role="status">
        {busy ? words().searching : results ? summary(results.hits.length, results.after ? results.threads : null) : ""}
      </p>
      {results?.after && !busy && (
        <button type="button" className="pc-button" onClick={further}>
          {words().searchFurther}
        </button>
      )}
    </>
  );
}

function Result({ hit, locale, onOpen }: { hit: SearchHit; locale: string; onOpen(): void }) {
  const title = hit.title || words().untitled;
  const snippet = <Marked parts={hit.snippet} />;
  return (
    <button type="button" className="pc-open" onClick={onOpen}>
      <span>{hit.item_id ? title : snippet}</span>
      {hit.item_id && <span className="pc-snippet">{snippet}</span>}
      <span className="pc-caption">{briefTime(timeOf(hit.created_at), locale)}</span>
    </button>
  );
}

/** Text of which every second part matched. */
function Marked({ parts }: { parts: string[] }) {
  return parts.map((part, place) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: the position decides what a part is
    place % 2 ? <mark key={place}>{part}</mark> : part,
  );
}

function summary(found: number, searched: number | null): string {
  return searched === null ? words().found(found) : words().foundSoFar(found, searched);
}
