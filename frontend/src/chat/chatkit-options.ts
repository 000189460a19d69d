import type { ChatKitIcon, ChatKitOptions, Entity, SupportedLocale } from "@openai/chatkit";
import { ACCENT } from "#brand";
import type { ChatProps } from "./chat-props";

/** Translate the chat props into the options of ChatKit's element. */
export function chatKitOptions(props: ChatProps, open: { threadId: string | null }): ChatKitOptions {
  const { api, config, composer, host, theme, locale } = props;
  return {
    api: {
      url: config.apiUrl,
      domainKey: config.domainKey,
      fetch: (input, init) => api(input instanceof Request ? input.url : String(input), init),
      uploadStrategy: { type: "two_phase" },
    },
    frameTitle: props.frameTitle,
    locale: new Intl.Locale(locale).language as SupportedLocale,
    theme: {
      colorScheme: theme,
      radius: "round",
      color: { accent: { primary: ACCENT[theme], level: 1 } },
    },
    initialThread: open.threadId,
    header: { enabled: true },
    history: { enabled: true, showDelete: true, showRename: true },
    startScreen: { greeting: props.greeting, prompts: props.prompts.map(withIcon) },
    threadItemActions: { feedback: true, retry: true },
    composer: {
      placeholder: props.placeholder,
      attachments: attachments(composer.attachments),
      ...(composer.models.length > 0 && {
        models: composer.models.map((model, n) => ({ ...model, default: n === 0 })),
      }),
      ...(composer.tools.length > 0 && { tools: composer.tools.map(tool) }),
      dictation: { enabled: composer.dictation },
    },
    disclaimer: { text: props.disclaimer },
    onClientTool: ({ name, params }) => host.onClientTool(name, params),
    widgets: {
      onAction: async ({ type, payload }) => {
        await host.onClientTool(type, payload ?? {});
      },
    },
    ...(composer.mentions && { entities: entities(props) }),
  };
}

function withIcon({ label, prompt, icon }: ChatProps["prompts"][number]) {
  return { label, prompt, ...(icon && { icon: icon as ChatKitIcon }) };
}

function tool({ id, label, icon, placeholder }: ChatProps["composer"]["tools"][number]) {
  const shown = { id, label, icon: (icon ?? "cube") as ChatKitIcon };
  return placeholder ? { ...shown, placeholderOverride: placeholder } : shown;
}

/** ChatKit accepts one size limit, or one for each type. */
function attachments({ enabled, maxCount, accept, maxSize, maxSizes }: ChatProps["composer"]["attachments"]) {
  return { enabled, maxCount, accept, maxSize: { ...maxSizes, "*": maxSize } };
}

function entities({ api, config, host }: ChatProps): NonNullable<ChatKitOptions["entities"]> {
  return {
    showComposerMenu: true,
    async onTagSearch(query) {
      const answer = await api(`${config.apiUrl}/entities?q=${encodeURIComponent(query)}`);
      return answer.ok ? ((await answer.json()) as Entity[]) : [];
    },
    onClick: ({ data }) => host.onEffect("mention", data ?? {}),
    onRequestPreview: async ({ title, group }) => ({
      preview: {
        type: "Basic",
        children: [
          { type: "Title", value: title, size: "sm" },
          ...(group ? [{ type: "Caption", value: group } as const] : []),
        ],
      },
    }),
  };
}
