import { useEffect, useState } from "react";
import type { ChatClient } from "./protocol";
import type { Entity, UserContent } from "./wire";

const MENTION = /(^|\s)@([\p{L}\p{N}_-]*)$/u;
const SHOWN = 8;
const PAUSE_MS = 150;

/** Returns the letters after an @ that stands before the caret, or null when none is being typed. */
export function mentionAt(textBeforeCaret: string): string | null {
  return MENTION.exec(textBeforeCaret)?.[2] ?? null;
}

/** Cuts a text into what ChatKit sends: plain parts, and a tag for each mention that was chosen from the list. */
export function contentOf(text: string, mentioned: readonly Entity[]): UserContent[] {
  const found = mentioned
    .map((entity) => ({ entity, at: text.indexOf(`@${entity.title}`) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at)[0];
  if (!found) return text ? [{ type: "input_text", text }] : [];
  const { entity, at } = found;
  const { id, title, group, data = {}, interactive } = entity;
  return [
    ...contentOf(text.slice(0, at), []),
    { type: "input_tag", id, text: title, data, ...(group && { group }), ...(interactive && { interactive }) },
    ...contentOf(text.slice(at + title.length + 1), mentioned),
  ];
}

/** What can be mentioned with the letters typed so far. */
export function useMentions(client: ChatClient, query: string | null): Entity[] {
  const [entities, setEntities] = useState<Entity[]>([]);
  useEffect(() => {
    setEntities([]);
    if (query === null) return;
    const run = new AbortController();
    const load = () =>
      client.entities(query, run.signal).then(
        (found) => !run.signal.aborted && setEntities(found.slice(0, SHOWN)),
        () => {}, // without suggestions one can still write
      );
    const timer = setTimeout(load, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      run.abort();
    };
  }, [client, query]);
  return entities;
}
