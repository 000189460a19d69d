import { useEffect, useState } from "react";
import type { ChatClient } from "./protocol";
import type { Entity, UserContent } from "./wire";

const MENTION = /(^|\s)@([\p{L}\p{N}_-]*)$/u;
const SHOWN = 8;
const PAUSE_MS = 150;

/** Return the letters between an @ and the caret, or null if the caret is not in a mention. */
export function mentionAt(textBeforeCaret: string): string | null {
  return MENTION.exec(textBeforeCaret)?.[2] ?? null;
}

/** Split a text into ChatKit's content parts: plain text, and a tag for each mention chosen from the list. */
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

/** Load the suggestions for the letters typed so far. */
export function useMentions(client: ChatClient, query: string | null): Entity[] {
  const [entities, setEntities] = useState<Entity[]>([]);
  useEffect(() => {
    setEntities([]);
    if (query === null) return;
    const run = new AbortController();
    const load = () =>
      client.entities(query, run.signal).then(
        (found) => !run.signal.aborted && setEntities(found.slice(0, SHOWN)),
        () => {}, // suggestions are optional
      );
    const timer = setTimeout(load, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      run.abort();
    };
  }, [client, query]);
  return entities;
}
