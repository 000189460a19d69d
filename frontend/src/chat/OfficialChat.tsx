import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { useEffect, useRef, useState } from "react";
import type { ChatProps } from "./chat-props";
import { chatKitOptions } from "./chatkit-options";
import { openThread } from "./open-thread";

/** ChatKit's frame shows itself by its event, or by its first request. */
const ALIVE_WITHIN_MS = 20_000;

/** OpenAI's own component. `onDead` is called when its frame does not come to life, which ChatKit tells nobody. */
export function OfficialChat({ onDead, ...props }: ChatProps & { onDead: () => void }) {
  const [threadId] = useState(openThread.get);
  const alive = useRef(false);
  const show = () => {
    alive.current = true;
  };

  useEffect(() => {
    const timer = setTimeout(() => alive.current || onDead(), ALIVE_WITHIN_MS);
    return () => clearTimeout(timer);
  }, [onDead]);

  const api: ChatProps["api"] = (url, init) => {
    show();
    return props.api(url, init);
  };
  const { control } = useChatKit({
    ...chatKitOptions({ ...props, api }, { threadId }),
    onReady: show,
    onError: () => alive.current || onDead(), // later ones are of a request, and shown in the chat
    onEffect: ({ name, data }) => props.host.onEffect(name, data ?? {}),
    onResponseEnd: () => props.host.onTurnEnd(),
    onThreadChange: ({ threadId }) => openThread.set(threadId),
  });
  return <ChatKit control={control} className="chat-frame" />;
}
