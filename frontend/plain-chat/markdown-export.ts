/** A conversation as a Markdown file. */
import { timeOf } from "./groups";
import type { ChatClient } from "./protocol";
import { textOf } from "./widget-text";
import type { Source, ThreadItem, ThreadMetadata } from "./wire";
import { words } from "./words";

const PAGE = 100;
const MAX_NAME_CHARS = 80;

/** Save a thread as a file. Raises RequestError. */
export async function saveAsMarkdown(client: ChatClient, thread: ThreadMetadata, locale: string): Promise<void> {
  const items = await allItems(client, thread.id);
  saveFile(fileName(thread), asMarkdown(thread, items, locale));
}

/** Load all items of a thread, oldest first. */
export async function allItems(client: ChatClient, threadId: string): Promise<ThreadItem[]> {
  const items: ThreadItem[] = [];
  for (let after: string | undefined; ; ) {
    const params = { thread_id: threadId, limit: PAGE, order: "asc" as const, ...(after && { after }) };
    const page = await client.call("items.list", params);
    items.push(...page.data);
    if (!page.has_more || !page.after) return items;
    after = page.after;
  }
}

/** Return the text of the file. Files and generated images are named, because their addresses expire. */
export function asMarkdown(thread: ThreadMetadata, items: readonly ThreadItem[], locale: string): string {
  const time = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" });
  const begun = timeOf(thread.created_at);
  const parts = items.map(itemAsMarkdown).filter(Boolean);
  const head = [`# ${oneLine(thread.title || words().untitled)}`];
  if (!Number.isNaN(begun.getTime())) head.push(`_${time.format(begun)}_`);
  return `${[...head, ...parts].join("\n\n")}\n`;
}

/** Return a file name that every system accepts. */
export function fileName(thread: ThreadMetadata): string {
  const name = oneLine(thread.title ?? "")
    .replace(/[^\p{L}\p{N} _.-]/gu, "")
    .replace(/^[ .]+/, "")
    .slice(0, MAX_NAME_CHARS)
    .replace(/[ .]+$/, "");
  return `${name || "conversation"}.md`;
}

/** Let the browser save a text as a file. */
function saveFile(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a browser may ask where to save it
}

function itemAsMarkdown(item: ThreadItem): string {
  switch (item.type) {
    case "user_message": {
      const said = item.content.map((part) => (part.type === "input_tag" ? `@${part.text}` : part.text)).join("");
      const quoted = item.quoted_text ? `${quote(item.quoted_text)}\n\n` : "";
      const files = item.attachments.map(({ name }) => `- ${words().file}: ${oneLine(name)}`).join("\n");
      return section(words().you, [quoted + said, files]);
    }
    case "assistant_message": {
      const sources = item.content.flatMap((part) => part.annotations.map(({ source }) => sourceAsMarkdown(source)));
      return section(words().answer, [...item.content.map(({ text }) => text), sources.join("\n")]);
    }
    case "widget":
      return item.copy_text || textOf(item.widget);
    case "structured_input":
      return item.inputs
        .map(({ question, answer }) => `- ${question}: ${answer?.values.join(", ") || words().skipped}`)
        .join("\n");
    case "generated_image":
      return `_${words().generated}_`;
    default:
      return ""; // steps, tool calls, hidden and unknown items
  }
}

function section(heading: string, paragraphs: string[]): string {
  const text = paragraphs.filter((each) => each.trim()).join("\n\n");
  return text && `## ${heading}\n\n${text}`;
}

function sourceAsMarkdown({ title, url, filename }: Source): string {
  const name = oneLine(title || filename || url || "").replace(/[[\]]/g, "");
  return url ? `- [${name}](<${url}>)` : `- ${name}`;
}

function quote(text: string): string {
  return text.replace(/^/gm, "> ");
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
