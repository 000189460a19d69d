import type { UserMessageContent } from "@openai/chatkit";
import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { lazy, Suspense, useEffect, useImperativeHandle, useMemo, useReducer, useRef, useState } from "react";
import type { Mentioned } from "../panel/contract";
import { ChatBar } from "./ChatBar";
import type { ChatProps } from "./chat-props";
import { chatKitOptions } from "./chatkit-options";
import { openThread } from "./open-thread";
import { createReport } from "./reports";
import { RunningAnswers } from "./running-answers";
import { ThreadTitles } from "./thread-titles";

const FindThread = lazy(() => import("./FindThread"));

/** Time for the first sign of life of ChatKit's frame: its ready event or its first request. */
const ALIVE_WITHIN_MS = 20_000;

/** ChatKit's component. Calls `onDead` when its frame does not load, for which ChatKit has no event. */
export function OfficialChat({ onDead, ...props }: ChatProps & { onDead: () => void }) {
  const [threadId, setThreadId] = useState(openThread.get);
  const alive = useRef(false);
  const show = () => {
    alive.current = true;
  };

  useEffect(() => {
    const timer = setTimeout(() => alive.current || onDead(), ALIVE_WITHIN_MS);
    return () => clearTimeout(timer);
  }, [onDead]);

  const answering = useRef(false);
  const running = useMemo(
    () => new RunningAnswers(props.api, props.config.apiUrl, openThread.get, () => answering.current),
    [props.api, props.config.apiUrl],
  );
  const [, noteTitle] = useReducer((count: number) => count + 1, 0);
  const [titles] = useState(() => new ThreadTitles(noteTitle));
  const [shown, showThread] = useState(threadId);
  const api: ChatProps["api"] = async (url, init) => {
    show();
    const answer = await titles.watched(init?.body, () => running.fetch(url, init));
    if (answer.status === 404 && threadId === openThread.get() && (await asksFor(threadId, init?.body))) {
      openThread.set(null);
      setThreadId(null);
      showThread(null);
    }
    return answer;
  };
  const report = useMemo(() => createReport(props.api, props.config.apiUrl), [props.api, props.config.apiUrl]);
  const [finding, find] = useState(false);
  const [inHistory, showHistory] = useState(false);
  const open = (id: string | null) => {
    if (inHistory) void chatKit.hideHistory();
    void chatKit.setThreadId(id);
  };
  const title = titles.of(shown);
  const opens = { threadId, open };
  const { control, ...chatKit } = useChatKit({
    ...chatKitOptions({ ...props, api }, opens),
    onClientTool: ({ name, params }) => running.tool(name, () => props.host.onClientTool(name, params)),
    onReady: show,
    onError: ({ error }) => {
      report("error", error.name, error.message);
      if (!alive.current) onDead(); // later errors concern a request, and the chat shows them
    },
    onLog: ({ name }) => report("log", name),
    onEffect: ({ name, data }) => props.host.onEffect(name, data ?? {}),
    // A link in an answer, such as chatkit-link://open_page?page=budgets, acts on the page without a turn.
    onDeeplink: ({ name, data }) => void props.host.onClientTool(name, data ?? {}),
    onResponseStart: () => {
      answering.current = true;
    },
    onResponseEnd: () => {
      answering.current = false;
      props.host.onTurnEnd();
    },
    onThreadChange: ({ threadId }) => {
      running.leaves();
      openThread.set(threadId, titles.of(threadId));
      showThread(threadId);
    },
    onHistoryOpen: () => showHistory(true),
    onHistoryClose: () => showHistory(false),
    onThreadLoadStart: running.leaves,
    onThreadLoadEnd: ({ threadId }) => running.loaded(threadId),
  });
  running.element = chatKit;
  useImperativeHandle(props.handle, () => ({
    write: (text: string, mentioned: Mentioned[] = []) => {
      void chatKit.setComposerValue({ content: contentOf(text, mentioned) }).then(() => chatKit.focusComposer());
    },
    send: (text: string) => void chatKit.sendUserMessage({ text }).catch(() => chatKit.setComposerValue({ text })),
    open,
  }));
  useEffect(() => {
    if (shown && title) openThread.set(shown, title); // the tab's title
  }, [shown, title]);
  useEffect(() => openThread.onNavigate?.((id) => void chatKit.setThreadId(id)), [chatKit.setThreadId]);
  useEffect(() => {
    // Another tab or device may have continued the conversation meanwhile.
    const update = () => document.visibilityState === "visible" && !answering.current && void chatKit.fetchUpdates();
    const over = new AbortController();
    const { signal } = over;
    document.addEventListener("visibilitychange", update, { signal });
    for (const event of ["focus", "online"]) addEventListener(event, update, { signal });
    addEventListener("pagehide", running.leaves, { signal });
    return () => over.abort();
  }, [chatKit.fetchUpdates, running]);

  // `initialThread` applies only to a new element, so a deleted thread needs a new element.
  return (
    <>
      <ChatBar
        toolbar={props.toolbar}
        title={title}
        inHistory={inHistory}
        onHistory={() => void (inHistory ? chatKit.hideHistory() : chatKit.showHistory())}
        onFind={() => find(true)}
        onNew={() => open(null)}
      />
      <ChatKit key={threadId} control={control} className="chat-frame" />
      {finding && (
        <Suspense>
          <FindThread
            api={props.api}
            apiUrl={props.config.apiUrl}
            onClose={() => find(false)}
            onOpen={(id) => {
              find(false);
              open(id);
            }}
          />
        </Suspense>
      )}
    </>
  );
}

/** Split a text into ChatKit's content parts: a tag for each `@title`, as the plain chat does. */
function contentOf(text: string, mentioned: Mentioned[]): UserMessageContent[] {
  const [tag, ...more] = mentioned;
  if (!tag) return text ? [{ type: "input_text", text }] : [];
  const [before = "", ...after] = text.split(`@${tag.title}`);
  const { title, ...rest } = tag;
  return [
    ...contentOf(before, []),
    { type: "input_tag", text: title, ...rest },
    ...contentOf(after.join(`@${title}`), more),
  ];
}

/** Whether a request body of ChatKit's protocol loads this thread. */
async function asksFor(threadId: string | null, body: BodyInit | null | undefined): Promise<boolean> {
  try {
    const { type, params } = await new Response(body).json();
    return type === "threads.get_by_id" && params.thread_id === threadId;
  } catch {
    return false; // not JSON: a file, for example
  }
}
