import type { Drafts, OpenThread, PlainChatProps } from "../props";

/** Props for a server that offers every option. */
export function plainChatProps(more: Partial<PlainChatProps> = {}): PlainChatProps {
  return {
    api: async () => new Response("[]", { status: 200 }),
    apiUrl: "/chatkit",
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
    openThread: memoryThread(),
    drafts: memoryDrafts(),
    theme: "light",
    locale: "en-US",
    frameTitle: "Chat",
    greeting: "Hello",
    placeholder: "Ask",
    prompts: [{ label: "Balances", prompt: "What are my balances?", icon: "suitcase" }],
    disclaimer: "A demo.",
    ...more,
  };
}

/** An in-memory `OpenThread`. */
export function memoryThread(current: string | null = null): OpenThread {
  return {
    get: () => current,
    set: (threadId) => {
      current = threadId;
    },
  };
}

/** An in-memory `Drafts`. */
export function memoryDrafts(): Drafts {
  const kept = new Map<string | undefined, string>();
  return { get: (threadId) => kept.get(threadId) ?? "", set: (threadId, text) => kept.set(threadId, text) };
}
