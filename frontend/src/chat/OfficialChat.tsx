import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { useEffect, useRef, useState } from "react";
import type { ChatProps } from "./chat-props";
import { chatKitOptions } from "./chatkit-options";
import { openThread } from "./open-thread";

/** ChatKit's frame shows itself by its event, or by its first request. */
const ALIVE_WITHIN_MS = 20_000;

/** OpenAI's own component. `onDead` is called when its frame does not come to life, which ChatKit tells nobody. */
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
    onError: () => alive.current || onDead(), // later ones are of a request, and shown in the chat
    onEffect: ({ name, data }) => props.host.onEffect(name, data ?? {}),
    onResponseEnd: () => props.host.onTurnEnd(),
    onThreadChange: ({ threadId }) => openThread.set(threadId),
  });
  // What it opens first is told to an element once: a conversation that is gone takes its element along.
  return <ChatKit key={threadId} control={control} className="chat-frame" />;
}

/** Whether a request of ChatKit's protocol opens this conversation. */
async function asksFor(threadId: string | null, body: BodyInit | null | undefined): Promise<boolean> {
  try {
    const { type, params } = await new Response(body).json();
    return type === "threads.get_by_id" && params.thread_id === threadId;
  } catch {
    return false; // a file, say
  }
}
