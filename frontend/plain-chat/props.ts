/** The interface of the plain chat: its props, and the types they are made of. */

import type { Ref } from "react";

/** A `fetch` with the page's credentials. The chat sends every request through it, uploads included. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** The options that the server offers the composer: `GET /chatkit/composer`. */
export interface ComposerOptions {
  models: { id: string; label: string; description?: string }[];
  tools: { id: string; label: string; icon?: string; placeholder?: string }[];
  dictation: boolean;
  mentions: boolean;
  attachments: AttachmentPolicy;
}

/** The limits on attachments, in the shape of ChatKit's `composer.attachments`, with a size per type. Sizes in bytes. */
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
  /** Runs a client tool and returns its result. */
  onClientTool(name: string, params: Record<string, unknown>): Promise<Record<string, unknown>>;
  onEffect(name: string, data: Record<string, unknown>): void;
  /** Called after each turn, which may have changed the data on the page. */
  onTurnEnd(): void;
}

/** The place that names the open thread: storage for a reload, and usually the page's address. */
export interface OpenThread {
  get(): string | null;
  /** Called when another thread opens and when its title changes. */
  set(threadId: string | null, title?: string): void;
  /** Call `listener` when the user goes back or forward. Returns a function that ends this. */
  onNavigate?(listener: (threadId: string | null) => void): () => void;
}

/** Storage for unsent text by thread; `undefined` is the conversation that has no thread yet. */
export interface Drafts {
  get(threadId: string | undefined): string;
  /** An empty text removes the draft. */
  set(threadId: string | undefined, text: string): void;
}

/** Commands of the page around the chat. */
export interface ChatHandle {
  /** Write a question into the composer, after a draft. The text has `@` and the title of each of `mentioned`. */
  write(text: string, mentioned?: Mentioned[]): void;
  /** Send a message; write it into the composer if the chat is busy or refuses it. */
  send(text: string): void;
  /** Open a thread. */
  open(threadId: string): void;
}

/** Something that a message is about. The assistant resolves the id; `data` reaches the page's effects. */
export interface Mentioned {
  id: string;
  title: string;
  group?: string;
  data?: Record<string, string>;
}

export interface PlainChatProps {
  api: Fetch;
  /** Path of the API on this origin. */
  apiUrl: string;
  composer: ComposerOptions;
  host: HostPage;
  openThread: OpenThread;
  drafts: Drafts;
  handle?: Ref<ChatHandle>;
  /** An element of the page's header for the chat's title and buttons, which otherwise have a header of their own. */
  toolbar?: HTMLElement | null;
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
