import { useRef, useState } from "react";
import { flushSync } from "react-dom";
import { fileAddress } from "./addresses";
import { CopyButton } from "./Copy";
import type { Extras } from "./extra-parts";
import { Icon } from "./Icon";
import { Link, Markdown } from "./Markdown";
import { RatingButtons, type RatingProps } from "./Rating";
import type { AssistantMessage, Attachment, Source, UserContent, UserMessage } from "./wire";
import { words } from "./words";
import { Zoom } from "./Zoom";

interface UserMessageProps {
  item: UserMessage;
  /** Replace the message and ask for another answer. Resolves to false if the server rejected it. Null: not possible. */
  onEdit: ((content: UserContent[]) => Promise<boolean>) | null;
  /** Load the editor. Resolves to null after a failure, which the conversation shows. */
  loadExtras(): Promise<Extras | null>;
  /** Whether more than the message's answer follows, which an edit would remove as well. */
  followed: boolean;
  /** Open a file of the message. Null until the server has stored the message. */
  onOpenFile: ((file: Attachment) => void) | null;
}

export function UserMessageView({ item, onEdit, loadExtras, followed, onOpenFile }: UserMessageProps) {
  const [draft, edit] = useState<UserContent[] | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const [Editor, setEditor] = useState<Extras["MessageEditor"] | null>(null);
  const begin = async () => {
    const extras = await loadExtras();
    if (!extras) return;
    setEditor(() => extras.MessageEditor);
    edit(item.content);
  };
  const cancel = () => {
    flushSync(() => edit(null));
    button.current?.focus();
  };
  const send = async (content: UserContent[]) => {
    edit(null);
    if (!(await onEdit?.(content))) edit(content); // nothing typed is lost
  };
  return (
    <article className="pc-user" aria-label={words().youSaid} data-item={item.id}>
      {item.quoted_text && <blockquote dir="auto">{item.quoted_text}</blockquote>}
      {item.attachments.length > 0 && (
        <ul className="pc-files" aria-label={words().files}>
          {item.attachments.map((file) => (
            <SentFile key={file.id} file={file} onOpen={onOpenFile} />
          ))}
        </ul>
      )}
      {draft && onEdit && Editor ? (
        <Editor content={draft} followed={followed} onSend={(content) => void send(content)} onCancel={cancel} />
      ) : (
        <>
          <p dir="auto">
            {item.content.map((part, place) =>
              part.type === "input_tag" ? (
                // biome-ignore lint/suspicious/noArrayIndexKey: the position identifies a part
                <span key={place} className="pc-tag">
                  @{part.text}
                </span>
              ) : (
                part.text
              ),
            )}
          </p>
          {onEdit && (
            <button
              type="button"
              className="pc-edit"
              aria-label={words().editIt}
              title={words().editIt}
              ref={button}
              onClick={() => void begin()}
            >
              <Icon name="rename" />
            </button>
          )}
        </>
      )}
    </article>
  );
}

function SentFile({ file, onOpen }: { file: Attachment; onOpen: UserMessageProps["onOpenFile"] }) {
  const preview = fileAddress(file.preview_url);
  return (
    <li className="pc-file">
      {preview ? <Zoom src={preview} alt={file.name} /> : <Icon name="file" />}
      {onOpen ? (
        <button
          type="button"
          className="pc-file-name"
          aria-label={words().openFile(file.name)}
          onClick={() => onOpen(file)}
        >
          {file.name}
        </button>
      ) : (
        <span className="pc-file-name" aria-hidden={preview !== undefined}>
          {file.name}
        </span>
      )}
    </li>
  );
}

interface AnswerProps extends RatingProps {
  item: AssistantMessage;
  /** Whether the message is still streaming. */
  growing: boolean;
  /** Ask for another answer in its place. Null while that is not possible. */
  onAgain: (() => void) | null;
  /** Whether items after the answer would be replaced as well, which the user has to confirm. */
  followed: boolean;
}

export function AnswerView({ item, growing, rating, onRate, onAgain, followed }: AnswerProps) {
  const sources = item.content.flatMap((part) => part.annotations.map(({ source }) => source));
  const asText = () => item.content.map((part) => part.text).join("\n\n");
  return (
    <article className="pc-answer" aria-label={words().answer} aria-busy={growing} data-item={item.id}>
      {item.content.map((part, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the position identifies a part, in the protocol as well
        <Markdown key={place} text={part.text} />
      ))}
      {sources.length > 0 && <Sources sources={sources} />}
      {!growing && (
        <div className="pc-rating">
          <CopyButton label={words().copy} text={asText} />
          <Again onAgain={onAgain} followed={followed} />
          <RatingButtons rating={rating} onRate={onRate} />
        </div>
      )}
    </article>
  );
}

function Again({ onAgain, followed }: Pick<AnswerProps, "onAgain" | "followed">) {
  const [asking, ask] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const keep = () => {
    flushSync(() => ask(false));
    button.current?.focus();
  };
  if (asking && !onAgain) ask(false); // a turn has begun: the question must not take the focus at its end
  if (asking && onAgain) {
    return (
      <div className="pc-row" role="alertdialog" aria-label={words().againWarning}>
        <span>{words().againWarning}</span>
        <button type="button" className="pc-button pc-danger" onClick={onAgain}>
          {words().replaceNow}
        </button>
        <button type="button" className="pc-button" ref={focused} onClick={keep}>
          {words().keep}
        </button>
      </div>
    );
  }
  return (
    <button
      type="button"
      ref={button}
      aria-label={words().again}
      title={words().again}
      disabled={!onAgain}
      onClick={() => (followed ? ask(true) : onAgain?.())}
    >
      <Icon name="again" />
    </button>
  );
}

const focused = (element: HTMLElement | null) => element?.focus();

export function Sources({ sources }: { sources: Source[] }) {
  return (
    <ol className="pc-sources" aria-label={words().sources}>
      {sources.map((source, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the position identifies a source
        <li key={place}>
          <Link href={source.url}>{source.title || source.filename || source.url}</Link>
        </li>
      ))}
    </ol>
  );
}
