import type { ApiFetch } from "../api/api-fetch";
import type { RuntimeConfig } from "../config";

/** What the server's policy and assistant offer the composer: `GET /chatkit/composer`. */
export interface Composer {
  models: { id: string; label: string; description?: string }[];
  tools: { id: string; label: string; icon?: string; placeholder?: string }[];
  dictation: boolean;
  mentions: boolean;
  attachments: AttachmentPolicy;
}

/** `GET /chatkit/attachments`: what may be attached, as ChatKit's `composer.attachments`, and the size per type. Bytes. */
export interface AttachmentPolicy {
  enabled: boolean;
  maxCount: number;
  maxSize: number;
  /** MIME type → extensions. */
  accept: Record<string, string[]>;
  maxSizes: Record<string, number>;
}

/** The page around the chat, as the assistant's client tools and effects see it. */
export interface HostPage {
  /** Carries out a client tool; what it returns is the tool's result. */
  onClientTool(name: string, params: Record<string, unknown>): Promise<Record<string, unknown>>;
  onEffect(name: string, data: Record<string, unknown>): void;
  /** A turn has ended: what the page shows may have changed. */
  onTurnEnd(): void;
}

/** Both chats, ChatKit's own and the plain one, take the same. */
export interface ChatProps {
  api: ApiFetch;
  config: RuntimeConfig;
  composer: Composer;
  host: HostPage;
  theme: "light" | "dark";
  /** BCP 47. */
  locale: string;
  /** The chat's name for screen readers. */
  frameTitle: string;
  placeholder: string;
  greeting: string;
  prompts: { label: string; prompt: string; icon?: string }[];
  disclaimer: string;
}
