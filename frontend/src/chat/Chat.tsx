import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { useLanguage } from "../preferences/language";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { Splash } from "../shell/Splash";
import type { ChatProps } from "./chat-props";
import { loadChatKit } from "./chatkit-script";
import { drafts } from "./drafts";
import { OfficialChat } from "./OfficialChat";
import { openThread } from "./open-thread";

const PlainChat = lazy(() => import("../../plain-chat/PlainChat"));

/** ChatKit's component, or the plain chat if its script, its frame or the domain key is missing. */
export function Chat(props: ChatProps) {
  const { words } = useLanguage();
  const [kind, setKind] = useState<"loading" | "official" | "plain">(props.config.domainKey ? "loading" : "plain");
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
