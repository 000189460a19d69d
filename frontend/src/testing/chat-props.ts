import type { ChatProps } from "../chat/chat-props";

/** What both chats get, from a server that offers everything. */
export function chatProps(more: Partial<ChatProps> = {}): ChatProps {
  return {
    api: async () => new Response("[]", { status: 200 }),
    config: {
      apiUrl: "/chatkit",
      authority: "https://cognito.example/pool",
      clientId: "client",
      signInDomain: "https://sign-in.example",
      redirectUri: "https://chat.example/",
      domainKey: "domain-key",
    },
    composer: {
      models: [{ id: "gpt-5.1", label: "GPT-5.1", description: "Thinks" }],
      tools: [{ id: "balances", label: "Balances", icon: "suitcase", placeholder: "Which?" }],
      dictation: true,
      mentions: true,
      attachments: {
        enabled: true,
        maxCount: 10,
        maxSize: 50_000_000,
        accept: { "image/png": [".png"] },
        maxSizes: { "image/png": 20_000_000 },
      },
    },
    host: { onClientTool: async () => ({}), onEffect: () => undefined, onTurnEnd: () => undefined },
    theme: "light",
    locale: "de-CH",
    frameTitle: "Chat",
    greeting: "Hello",
    placeholder: "Ask",
    prompts: [{ label: "Balances", prompt: "What are my balances?", icon: "suitcase" }],
    disclaimer: "A demo.",
    ...more,
  };
}
