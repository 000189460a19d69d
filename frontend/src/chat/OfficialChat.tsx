import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { useEffect, useRef, useState } from "react";
import type { ChatProps } from "./chat-props";
import { chatKitOptions } from "./chatkit-options";
import { openThread } from "./open-thread";

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

  const api: ChatProps["api"] = async (url, init) => {
    show();
    const answer = await props.api(url, init);
    if (answer.status === 404 && threadId === openThread.get() && (await asksFor(threadId, init?.body))) {
      openThread.set(null);
      setThreadId(null);
    }
    return answer;
  };
  const { control } = useChatKit({
    ...chatKitOptions({ ...props, api }, { threadId }),
    onReady: show,
    onError: () => alive.current || onDead(), // later errors concern a request, and the chat shows them
    onEffect: ({ name, data }) => props.host.onEffect(name, data ?? {}),
    onResponseEnd: () => props.host.onTurnEnd(),
    onThreadChange: ({ threadId }) => openThread.set(threadId),
  });
  // `initialThread` applies only to a new element, so a deleted thread needs a new element.
  return <ChatKit key={threadId} control={control} className="chat-frame" />;
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
