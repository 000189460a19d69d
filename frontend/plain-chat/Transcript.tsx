import { memo, type ReactNode } from "react";
import { fileAddress } from "./addresses";
import { CopyButton } from "./Copy";
import { type Conversation, questionOf } from "./conversation";
import { ErrorBoundary } from "./ErrorBoundary";
import { loadExtras } from "./extra-parts";
import { Icon } from "./Icon";
import { ImageDomains } from "./Markdown";
import { AnswerView, UserMessageView } from "./Message";
import { QuestionForm } from "./QuestionForm";
import { useScrolling } from "./scrolling";
import type { ChatSession } from "./session";
import { Widget } from "./Widget";
import { TaskView, Workflow } from "./Workflow";
import { textOf } from "./widget-text";
import type { GeneratedImageItem, Rating, ThreadItem } from "./wire";
import { words } from "./words";
import { Zoom } from "./Zoom";

interface TranscriptProps {
  now: Conversation;
  session: ChatSession;
  /** Why the thread accepts no more messages; null if it does. */
  closed: string | null;
}

/** The items of the thread. Follows the newest one unless the user has scrolled up. */
export function Transcript({ now, session, closed }: TranscriptProps) {
  const { log, following, toLatest, onScroll } = useScrolling(
    now.thread?.id,
    now.phase === "answering",
    now.items[0]?.id,
    now.target,
    now,
  );
  const lastQuestion = now.items.findLastIndex(({ type }) => type === "user_message");
  const disabled = now.phase !== "idle" || now.thread?.status.type !== "active";
  return (
    <div className="pc-scroller">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div className="pc-log" ref={log} onScroll={onScroll} role="log" aria-label={words().conversation} tabIndex={0}>
        {now.older && (
          <button type="button" className="pc-button pc-older" onClick={() => session.loadOlder()}>
            {words().earlier}
          </button>
        )}
        <ImageDomains value={now.thread?.allowed_image_domains ?? NO_DOMAINS}>
          {now.items.map((item, place) => (
            <ErrorBoundary key={item.id} instead={<p className="pc-muted">{asText(item)}</p>}>
              <Item
                item={item}
                growing={now.unfinished.includes(item.id)}
                disabled={disabled}
                followed={item.type === "user_message" ? place < lastQuestion : place < now.items.length - 1}
                rating={now.ratings[item.id]}
                session={session}
                language={words()}
              />
            </ErrorBoundary>
          ))}
        </ImageDomains>
        <Ending now={now} session={session} closed={closed} />
      </div>
      {!following && (
        <button
          type="button"
          className="pc-latest"
          aria-label={words().latest}
          title={words().latest}
          onClick={toLatest}
        >
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

const NO_DOMAINS: readonly string[] = [];

interface ItemProps {
  item: ThreadItem;
  growing: boolean;
  disabled: boolean;
  session: ChatSession;
  /** Whether another question follows a question, or anything an answer. */
  followed: boolean;
  rating: Rating | undefined;
  /** Renders the item again when the language changes. */
  language: object;
}

/** One item. It is rendered again only if it changes, because a long thread receives many events. */
const Item = memo(function Item({ item, growing, disabled, followed, rating, session }: ItemProps): ReactNode {
  switch (item.type) {
    case "user_message":
      return (
        <UserMessageView
          item={item}
          followed={followed}
          onOpenFile={item.thread_id ? (file) => void session.openFile(file) : null}
          loadExtras={() => session.loaded(loadExtras)}
          onEdit={disabled || !item.thread_id ? null : (content) => session.answerAgain(item, content)}
        />
      );
    case "assistant_message":
      return (
        <AnswerView
          item={item}
          growing={growing}
          followed={followed}
          rating={rating}
          onRate={(given) => session.rate(item, given)}
          onAgain={disabled ? null : () => void session.answerAgain(questionOf(session.snapshot(), item.id))}
        />
      );
    case "widget":
      return (
        <div className="pc-copied" data-from-its-start>
          <Widget
            id={item.id}
            widget={item.widget}
            disabled={disabled}
            onAction={(action, payload) => void session.act(item, action, payload)}
          />
          {item.copy_text && <CopyButton label={words().copy} text={() => item.copy_text ?? ""} />}
        </div>
      );
    case "workflow":
      return <Workflow item={item} growing={growing} />;
    case "task":
      return <TaskView task={item.task} />;
    case "structured_input":
      return (
        <div data-from-its-start>
          <QuestionForm item={item} disabled={disabled} onAnswer={(answers) => void session.answer(item, answers)} />
        </div>
      );
    case "generated_image":
      return <GeneratedImage item={item} growing={growing} />;
    case "end_of_turn":
      return <hr className="pc-end" aria-label={words().endOfTurn} />;
    default:
      return null; // client tool calls, hidden items and unknown types have no view
  }
});

function GeneratedImage({ item, growing }: { item: GeneratedImageItem; growing: boolean }) {
  const source = fileAddress(item.image?.url);
  return (
    <figure className="pc-image" aria-busy={growing}>
      {source && growing && <img src={source} alt={words().unfinished} />}
      {source && !growing && <Zoom src={source} alt={words().generated} />}
      {growing && (
        <progress aria-label={words().image} {...(item.progress !== undefined && { value: item.progress })} />
      )}
    </figure>
  );
}

/** Below the last item: notices, progress, the last error. */
function Ending({ now, session, closed }: TranscriptProps) {
  const answering = now.phase === "answering";
  return (
    <div className="pc-ending">
      {closed && (
        <p className="pc-notice" role="status">
          {closed}
        </p>
      )}
      {now.notices.map(({ level, title, message }) => (
        <p key={message} className="pc-notice" data-level={level} role="status">
          {title && <strong>{title} </strong>}
          {message}
        </p>
      ))}
      {now.phase === "loading" && !now.items.length && <p className="pc-progress">{words().loading}</p>}
      {answering && (now.progress || !now.unfinished.length) && (
        <p className="pc-progress">{now.progress ?? words().working}</p>
      )}
      {now.failure && (
        <div className="pc-failure" role="alert">
          <p>{now.failure.message}</p>
          {now.failure.requestId && <p className="pc-caption">{words().request(now.failure.requestId)}</p>}
          {now.failure.retry && (
            <button type="button" className="pc-button" onClick={() => session.retry()}>
              {words().retry}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function asText(item: ThreadItem): string {
  return (item.type === "widget" && textOf(item.widget)) || words().notShown;
}
