import type { PlainChatProps } from "../../plain-chat/props";
import type { RuntimeConfig } from "../config";

export type { ComposerOptions, HostPage } from "../../plain-chat/props";

/** The props that ChatKit's component and the plain chat share. */
export interface ChatProps extends Omit<PlainChatProps, "apiUrl" | "openThread" | "drafts"> {
  config: RuntimeConfig;
}
