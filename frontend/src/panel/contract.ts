import type { ReactNode } from "react";
import type { ChatHandle, HostPage } from "../../plain-chat/props";
import type { ApiFetch } from "../api/api-fetch";

export type { ChatHandle, HostPage, Mentioned } from "../../plain-chat/props";

/** The page around a panel. */
export interface PanelPage {
  api: ApiFetch;
  /** Path of the API on this origin. */
  apiUrl: string;
  /** Load data only once this is true: parallel requests would each start an instance of the function. */
  ready: boolean;
  /** The chat next to the panel. Each command shows the chat, which the panel covers on a phone. */
  chat: ChatHandle;
  /** Open the panel, for example because the assistant has changed its content. */
  show(): void;
}

/** A command in the "/" menu of ChatKit's composer. */
export interface PanelCommand {
  id: string;
  label: string;
  run(): void;
}

/** The chat's view of the panel. */
export interface PanelHost extends HostPage {
  /** Called when the user asks something: what the assistant has marked for the question before is out of date. */
  onTurnStart?(): void;
}

/** The panel next to the chat, and its reactions to the assistant. */
export interface Panel {
  /** The name of its button and region. */
  title: string;
  /** Null: the page has no panel. */
  content: ReactNode | null;
  /** Client tools, effects, and the turns. */
  host: PanelHost;
  /** The last change, for screen readers. */
  announcement: string;
  commands: PanelCommand[];
}

/** The hook that a panel's module exports: `src/panel/panel.tsx`, or `app/web/panel.tsx` in its place. */
export type UsePanel = (page: PanelPage) => Panel;
