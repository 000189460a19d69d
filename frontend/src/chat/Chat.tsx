import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import type { RuntimeConfig } from "../config";
import { useLanguage } from "../preferences/language";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { Splash } from "../shell/Splash";
import type { ChatProps } from "./chat-props";
import { chatKitIsBlocked, loadChatKit } from "./chatkit-script";
import { drafts } from "./drafts";
import { OfficialChat } from "./OfficialChat";
import { openThread } from "./open-thread";

const loadPlainChat = () => import("../../plain-chat/PlainChat");
const PlainChat = lazy(loadPlainChat);

/** Whether the plain chat is shown without waiting for ChatKit's script. */
export function startsPlain({ domainKey }: Pick<RuntimeConfig, "domainKey">): boolean {
  return !domainKey || chatKitIsBlocked();
}

/** Load the chat's code at the same time as its options. A failure is handled by `Chat`. */
export function preloadChat(config: RuntimeConfig): void {
  if (config.domainKey) void loadChatKit().catch(() => undefined); // also where it was blocked: the next visit may have it
  if (startsPlain(config)) void loadPlainChat().catch(() => undefined);
}

/** ChatKit's component, or the plain chat if its script, its frame or the domain key is missing. */
export function Chat(props: ChatProps) {
  const { words } = useLanguage();
  const [kind, setKind] = useState<"loading" | "official" | "plain">(startsPlain(props.config) ? "plain" : "loading");
  const fallBack = useCallback(() => setKind("plain"), []);

  useEffect(() => {
    let current = kind === "loading";
    if (!current) return;
    loadChatKit().then(
      () => current && setKind("official"),
      () => current && setKind("plain"),
    );
    return () => {
      current = false;
    };
  }, [kind]);

  const plain = (
    <Suspense fallback={<Splash text={words.chat.loading} />}>
      <p className="plain-note">{words.chat.plain}</p>
      <PlainChat {...props} apiUrl={props.config.apiUrl} openThread={openThread} drafts={drafts} />
    </Suspense>
  );
  if (kind === "loading") return <Splash text={words.chat.loading} />;
  if (kind === "plain") return plain;
  return (
    <ErrorBoundary fallback={plain}>
      <OfficialChat {...props} onDead={fallBack} />
    </ErrorBoundary>
  );
}
