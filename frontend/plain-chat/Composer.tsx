import { type ClipboardEvent, type KeyboardEvent, type RefObject, useImperativeHandle, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { useDictation } from "./dictation";
import { useDraft } from "./drafts";
import { Icon } from "./Icon";
import { isComposing } from "./keys";
import { MentionList } from "./MentionList";
import { contentOf, mentionAt, useMentions } from "./mentions";
import type { OutgoingMessage } from "./outgoing";
import type { ComposerOptions, Drafts } from "./props";
import type { ChatClient } from "./protocol";
import { UploadList } from "./UploadList";
import { useUploads } from "./uploads";
import type { Entity } from "./wire";
import { words } from "./words";

/** Commands from the surrounding chat to the composer. */
export interface ComposerHandle {
  focus(): void;
  attach(files: Iterable<File>): void;
  write(text: string, mentioned: readonly Entity[]): void;
}

interface ComposerProps {
  client: ChatClient;
  offer: ComposerOptions;
  placeholder: string;
  answering: boolean;
  mayStop: boolean;
  /** Another request is running, or a message waits for the end of the answer: the user can write but not send. */
  waiting: boolean;
  /** Why the thread accepts no more messages; null if it does. */
  closed: string | null;
  /** The attachment for which the server rejected the message. */
  refusedFile: string | undefined;
  threadId: string | undefined;
  drafts: Drafts;
  handle: RefObject<ComposerHandle | null>;
  onSend(message: OutgoingMessage): Promise<boolean>;
  onStop(): void;
  onEditLast(): void;
}

/** The message form: text with mentions, attachments, dictation, and a choice of model and tool. */
export function Composer({
  client,
  offer,
  placeholder,
  answering,
  mayStop,
  waiting,
  closed,
  refusedFile,
  threadId,
  drafts,
  handle,
  onSend,
  onStop,
  onEditLast,
}: ComposerProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const { text, setText, send: sendDraft } = useDraft(drafts, threadId, answering);
  const [caret, setCaret] = useState(0);
  const [mentioned, setMentioned] = useState<Entity[]>([]);
  const [model, setModel] = useState("");
  const [tool, setTool] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const { uploads, add, remove, clear, restore } = useUploads(client, offer.attachments, setProblem);
  const addSaid = (said: string) => {
    setText((now) => (now ? `${now} ${said}` : said));
    field.current?.focus();
  };
  const dictation = useDictation(client, addSaid, setProblem);
  const query = offer.mentions ? mentionAt(text.slice(0, caret)) : null;
  const suggestions = useMentions(client, query);

  const attach = (given: Iterable<File>) => {
    setProblem(null);
    if (offer.attachments.enabled && !closed) add(given);
  };
  const write = (added: string, entities: readonly Entity[]) => {
    setText((now) => (now.trim() ? `${now.trimEnd()}\n${added}` : added));
    setMentioned((all) => [...all.filter(({ id }) => !entities.some((each) => each.id === id)), ...entities]);
    field.current?.focus();
  };
  useImperativeHandle(handle, () => ({ focus: () => field.current?.focus(), attach, write }));

  const uploading = uploads.some(({ ready }) => !ready);
  const sendable = !waiting && !closed && !uploading && (text.trim() !== "" || uploads.length > 0);

  async function send(): Promise<void> {
    if (!sendable) return;
    const attachments = uploads.flatMap(({ attachment, preview }) =>
      attachment ? [{ ...attachment, ...(preview && { preview_url: preview }) }] : [],
    );
    const inference_options = { ...(model && { model }), ...(tool && { tool_choice: { id: tool } }) };
    const ids = attachments.map(({ id }) => id);
    const sent = onSend({
      input: { content: contentOf(text.trim(), mentioned), attachments: ids, inference_options },
      attachments,
      onStored: sendDraft(),
    });
    setProblem(null);
    setTool(""); // a forced tool is meant for one message
    clear();
    if (await sent) return;
    setText((now) => now || text);
    restore((now) => (now.length ? now : uploads));
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>): void {
    const composing = isComposing(event);
    if (event.key === "ArrowUp" && !text && !composing) onEditLast();
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    void send();
  }

  function onPaste(event: ClipboardEvent): void {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    attach(event.clipboardData.files);
  }

  function mention(entity: Entity): void {
    const start = caret - (query?.length ?? 0);
    const end = start + entity.title.length + 1;
    // Setting the text moves the caret to its end, so render first and then place the caret after the mention.
    flushSync(() => setText(`${text.slice(0, start)}${entity.title} ${text.slice(caret)}`));
    setCaret(end);
    setMentioned((all) => [...all.filter(({ id }) => id !== entity.id), entity]);
    field.current?.focus();
    field.current?.setSelectionRange(end, end);
  }

  return (
    <form
      className="pc-composer"
      aria-label={words().message}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {problem && (
        <p className="pc-problem" role="alert">
          {problem}
        </p>
      )}
      <UploadList uploads={uploads} refused={refusedFile} onRemove={remove} />
      <MentionList entities={suggestions} onChoose={mention} onClose={() => setCaret(0)}>
        {(listProps) => (
          <textarea
            {...listProps}
            ref={field}
            rows={1}
            value={text}
            aria-label={words().message}
            dir="auto"
            placeholder={
              closed ? words().closed : offer.tools.find(({ id }) => id === tool)?.placeholder || placeholder
            }
            disabled={closed !== null}
            onChange={(event) => {
              setText(event.target.value);
              setCaret(event.target.selectionStart);
            }}
            onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
            onKeyDown={(event) => {
              listProps.onKeyDown(event);
              if (!event.defaultPrevented) onKeyDown(event);
            }}
            onPaste={onPaste}
          />
        )}
      </MentionList>
      <div className="pc-row pc-tools">
        {offer.attachments.enabled && (
          <>
            <button
              type="button"
              aria-label={words().attach}
              title={words().attach}
              disabled={closed !== null}
              onClick={() => files.current?.click()}
            >
              <Icon name="clip" />
            </button>
            <input
              ref={files}
              type="file"
              hidden
              multiple
              aria-label={words().files}
              accept={Object.entries(offer.attachments.accept).flat(2).join(",")}
              onChange={(event) => {
                attach([...(event.target.files ?? [])]);
                event.target.value = "";
              }}
            />
          </>
        )}
        {offer.dictation && (
          <button
            type="button"
            aria-label={dictation.state === "recording" ? words().stopRecording : words().dictate}
            title={dictation.state === "recording" ? words().stopRecording : words().dictate}
            aria-pressed={dictation.state === "recording"}
            disabled={closed !== null || dictation.state === "transcribing"}
            onClick={dictation.toggle}
          >
            <Icon name="microphone" />
          </button>
        )}
        {!closed && (
          <>
            <Choice label={words().tool} none={words().anyTool} options={offer.tools} value={tool} onChange={setTool} />
            <Choice
              label={words().model}
              none={words().anyModel}
              options={offer.models}
              value={model}
              onChange={setModel}
            />
          </>
        )}
        <span className="pc-spacer" />
        {answering && (
          <button
            key="stop" // another element than Send: React must not turn Stop into Send under the pointer
            type="button"
            className="pc-main"
            aria-label={words().stop}
            title={words().stop}
            disabled={!mayStop}
            onClick={onStop}
          >
            <Icon name="stop" />
          </button>
        )}
        {(!answering || sendable) && (
          <button
            key="send"
            type="submit"
            className="pc-main"
            aria-label={words().send}
            title={words().send}
            disabled={!sendable}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}

interface ChoiceProps {
  label: string;
  none: string;
  options: { id: string; label: string }[];
  value: string;
  onChange(value: string): void;
}

function Choice({ label, none, options, value, onChange }: ChoiceProps) {
  if (!options.length) return null;
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">{none}</option>
      {options.map((option) => (
        <option key={option.id} value={option.id}>
          {option.label}
        </option>
      ))}
    </select>
  );
}
