import { type ReactNode, useEffect, useRef, useState } from "react";
import { fileAddress } from "./addresses";
import type { Conversation } from "./conversation";
import { ErrorBoundary } from "./ErrorBoundary";
import { ImageDomains } from "./Markdown";
import { AnswerView, UserMessageView } from "./Message";
import { QuestionForm } from "./QuestionForm";
import type { ChatSession } from "./session";
import { Widget } from "./Widget";
import { TaskView, Workflow } from "./Workflow";
import { textOf } from "./widget-text";
import type { GeneratedImageItem, ThreadItem } from "./wire";
import { words } from "./words";

interface TranscriptProps {
  now: Conversation;
  session: ChatSession;
}

const NEAR_THE_END_PX = 80;

/** The items of the thread. Follows the newest one unless the user has scrolled up. */
export function Transcript({ now, session }: TranscriptProps) {
  const log = useRef<HTMLDivElement>(null);
  const [following, follow] = useState(true);
  const threadId = now.thread?.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another thread starts at its end
  useEffect(() => follow(true), [threadId]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: scroll on each addition
  useEffect(() => {
    if (following) log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [now.items, now.failure, now.progress, now.notices, following]);
  const onScroll = () => {
    const place = log.current;
    if (place) follow(place.scrollHeight - place.scrollTop - place.clientHeight < NEAR_THE_END_PX);
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <div className="pc-log" ref={log} onScroll={onScroll} role="log" aria-label={words().conversation} tabIndex={0}>
      {now.older && (
        <button type="button" className="pc-button pc-older" onClick={() => session.loadOlder()}>
          {words().earlier}
        </button>
      )}
      <ImageDomains value={now.thread?.allowed_image_domains ?? []}>
        {now.items.map((item) => (
          <ErrorBoundary key={item.id} instead={<p className="pc-muted">{asText(item)}</p>}>
            <Item item={item} now={now} session={session} />
          </ErrorBoundary>
        ))}
      </ImageDomains>
      <Ending now={now} session={session} />
    </div>
  );
}

function Item({ item, now, session }: TranscriptProps & { item: ThreadItem }): ReactNode {
  const growing = now.unfinished.includes(item.id);
  const disabled = now.phase !== "idle" || now.thread?.status.type !== "active";
  switch (item.type) {
    case "user_message":
      return <UserMessageView item={item} />;
    case "assistant_message":
      return <AnswerView item={item} growing={growing} onRate={(kind) => session.rate(item, kind)} />;
    case "widget":
      return (
        <Widget
          id={item.id}
          widget={item.widget}
          disabled={disabled}
          onAction={(action, payload) => void session.act(item, action, payload)}
        />
      );
    case "workflow":
      return <Workflow item={item} growing={growing} />;
    case "task":
      return <TaskView task={item.task} />;
    case "structured_input":
      return (
        <QuestionForm item={item} disabled={disabled} onAnswer={(answers) => void session.answer(item, answers)} />
      );
    case "generated_image":
      return <GeneratedImage item={item} growing={growing} />;
    case "end_of_turn":
      return <hr className="pc-end" aria-label={words().endOfTurn} />;
    default:
      return null; // client tool calls, hidden items and unknown types have no view
  }
}

function GeneratedImage({ item, growing }: { item: GeneratedImageItem; growing: boolean }) {
  const source = fileAddress(item.image?.url);
  return (
    <figure className="pc-image" aria-busy={growing}>
      {source && <img src={source} alt={growing ? words().unfinished : words().generated} />}
      {growing && (
        <progress aria-label={words().image} {...(item.progress !== undefined && { value: item.progress })} />
      )}
    </figure>
  );
}

/** Below the last item: notices, progress, the last error. */
function Ending({ now, session }: TranscriptProps) {
  const answering = now.phase === "answering";
  return (
    <>
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
    </>
  );
}

function asText(item: ThreadItem): string {
  return (item.type === "widget" && textOf(item.widget)) || words().notShown;
}
