import { readFileSync } from "node:fs";
import type { Conversation } from "../conversation";
import { received } from "../conversation";
import type { ThreadItem, ThreadStreamEvent } from "../wire";

/** A request of a recorded conversation, with the events of its stream or its JSON response. */
export interface Exchange {
  request: { type: string; params: Record<string, unknown> };
  events: ThreadStreamEvent[];
  answer?: unknown;
}

/** Read a recording of a real server from `recorded/`. */
export function recording(name: string): Exchange[] {
  const lines = readFileSync(`${import.meta.dirname}/../recorded/${name}.jsonl`, "utf-8")
    .trim()
    .split("\n");
  const exchanges: Exchange[] = [];
  for (const line of lines.map((text) => JSON.parse(text))) {
    const last = exchanges.at(-1);
    if (line.request) exchanges.push({ request: line.request, events: [] });
    else if (line.event) last?.events.push(line.event);
    else if (last) last.answer = line.answer;
  }
  return exchanges;
}

/** The events of one stream in a recording. */
export function stream(name: string, place = 0): ThreadStreamEvent[] {
  return recording(name)[place]?.events ?? [];
}

/** The conversation after each event. */
export function states(from: Conversation, events: ThreadStreamEvent[]): Conversation[] {
  const all: Conversation[] = [];
  for (const event of events) all.push(received(all.at(-1) ?? from, event));
  return all;
}

export function itemOf<T extends ThreadItem["type"]>(now: Conversation, type: T): Extract<ThreadItem, { type: T }> {
  const found = now.items.find((item) => item.type === type);
  if (!found) throw new Error(`no ${type} among ${now.items.map((item) => item.type)}`);
  return found as Extract<ThreadItem, { type: T }>;
}
