import { plainChatProps } from "../../plain-chat/testing/props";
import type { ChatProps } from "../chat/chat-props";

/** Props of both chats, for a server that offers every option. */
export function chatProps(more: Partial<ChatProps> = {}): ChatProps {
  const { apiUrl, openThread: _, drafts: __, ...shared } = plainChatProps();
  return {
    ...shared,
    config: {
      apiUrl,
      authority: "https://cognito.example/pool",
      clientId: "client",
      signInDomain: "https://sign-in.example",
      redirectUri: "https://chat.example/",
      domainKey: "domain-key",
      idleTimeoutMinutes: 0,
    },
    locale: "de-CH",
    handle: null,
    commands: [],
    ...more,
  };
}
