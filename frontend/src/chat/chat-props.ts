import type { Ref } from "react";
import type { ChatHandle, PlainChatProps } from "../../plain-chat/props";
import type { RuntimeConfig } from "../config";
import type { PanelCommand, PanelHost } from "../panel/contract";

export type { ChatHandle, ComposerOptions } from "../../plain-chat/props";

/** The props that ChatKit's component and the plain chat share. */
export interface ChatProps extends Omit<PlainChatProps, "apiUrl" | "openThread" | "drafts" | "handle" | "host"> {
  config: RuntimeConfig;
  host: PanelHost;
  handle: Ref<ChatHandle>;
  /** Further entries of ChatKit's "/" menu. */
  commands: PanelCommand[];
}
