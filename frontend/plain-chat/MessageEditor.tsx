import { type KeyboardEvent, useState } from "react";
import { isComposing } from "./keys";
import { contentOf } from "./mentions";
import type { Entity, UserContent } from "./wire";
import { words } from "./words";

interface MessageEditorProps {
  content: UserContent[];
  /** Whether items other than the message's answer would be replaced as well. */
  followed: boolean;
  onSend(content: UserContent[]): void;
  onCancel(): void;
}

/** A form in the place of a sent message. Mentions stay mentions as long as their names stay in the text. */
export function MessageEditor({ content, followed, onSend, onCancel }: MessageEditorProps) {
  const [text, setText] = useState(() => content.map(asTyped).join(""));
  const send = () => text.trim() && onSend(contentOf(text.trim(), content.flatMap(entityOf)));
  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "Escape") onCancel();
    else if (event.key === "Enter" && !event.shiftKey) send();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <form
      className="pc-editor"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        className="pc-field"
        dir="auto"
        aria-label={words().editIt}
        value={text}
        ref={atTheEnd}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {followed && <p className="pc-caption">{words().editWarning}</p>}
      <div className="pc-row pc-actions">
        <button type="button" className="pc-button" onClick={onCancel}>
          {words().keep}
        </button>
        <button type="submit" className="pc-button pc-primary" disabled={!text.trim()}>
          {words().sendEdited}
        </button>
      </div>
    </form>
  );
}

function asTyped(part: UserContent): string {
  return part.type === "input_tag" ? `@${part.text}` : part.text;
}

function entityOf(part: UserContent): Entity[] {
  if (part.type !== "input_tag") return [];
  const { text, type: _, ...rest } = part;
  return [{ ...rest, title: text }];
}

/** Focuses the field once, with the caret at its end. */
function atTheEnd(field: HTMLTextAreaElement | null): void {
  if (!field || document.activeElement === field) return;
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}
