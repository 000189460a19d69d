import type { ChatKitIcon, ChatKitOptions, Command, Entity, SupportedLocale } from "@openai/chatkit";
import { ACCENT } from "#brand";
import { currentWords } from "../preferences/language";
import { tokenColor } from "../styles/token";
import type { ChatProps } from "./chat-props";
import { findThreads } from "./find-threads";

/** The thread that ChatKit shows first, and the page's ways to another one. */
export interface Opens {
  threadId: string | null;
  /** Open a thread, by ChatKit's `setThreadId`. */
  open(threadId: string): void;
}

/** Translate the chat props into the options of ChatKit's element. */
export function chatKitOptions(props: ChatProps, opens: Opens): ChatKitOptions {
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
      typography: { baseSize: 16, fontFamily: FONT },
      color: { accent: { primary: ACCENT[theme], level: 1 }, grayscale: GREYS, ...surface(theme) },
    },
    initialThread: opens.threadId,
    thread: { autoScroll: true },
    header: { enabled: false }, // ChatBar is in the page's header
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
    commands: commands(props, opens),
  };
}

/** The greens among the greys of `tokens.css`. */
const GREYS = { hue: 145, tint: 2 } as const;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';

/** The page's own background and text; none where the stylesheet is not loaded. */
function surface(theme: ChatProps["theme"]) {
  const [background, foreground] = [tokenColor("--surface", theme), tokenColor("--text", theme)];
  return background && foreground ? { surface: { background, foreground } } : {};
}

const THREAD = "thread:";

/** The "/" menu: the panel's pages, and the user's conversations that contain the typed words. */
function commands({ api, config, commands: own }: ChatProps, { open }: Opens): NonNullable<ChatKitOptions["commands"]> {
  return {
    enabled: true,
    async onSearch(query) {
      const wanted = query.trim().toLocaleLowerCase();
      const pages = own.filter(({ label }) => label.toLocaleLowerCase().includes(wanted));
      const { conversations } = currentWords().shell;
      const threads = (await findThreads(api, config.apiUrl, query)).map(
        ({ thread_id, title, snippet }): Command => ({
          id: THREAD + thread_id,
          label: title ?? snippet.join(""),
          description: snippet.join(""),
          icon: "search",
          group: conversations,
        }),
      );
      return [...pages.map(({ id, label }): Command => ({ id, label, icon: "chart" })), ...threads];
    },
    async onSelect({ id }) {
      if (id.startsWith(THREAD)) open(id.slice(THREAD.length));
      else own.find((command) => command.id === id)?.run();
    },
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
