import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { useLanguage } from "../preferences/language";
import { Splash } from "../shell/Splash";
import type { ChatProps } from "./chat-props";
import { loadChatKit } from "./chatkit-script";
import { OfficialChat } from "./OfficialChat";

const PlainChat = lazy(() => import("../plain-chat/PlainChat"));

/** ChatKit's own chat, or the plain one where its script or frame cannot be loaded. */
export function Chat(props: ChatProps) {
  const { words } = useLanguage();
  const [kind, setKind] = useState<"loading" | "official" | "plain">("loading");
  const fallBack = useCallback(() => setKind("plain"), []);

  useEffect(() => {
    let current = true;
    loadChatKit().then(
      () => current && setKind("official"),
      () => current && setKind("plain"),
    );
    return () => {
      current = false;
    };
  }, []);

  if (kind === "official") return <OfficialChat {...props} onDead={fallBack} />;
  if (kind === "loading") return <Splash text={words.chat.loading} />;
  return (
    <Suspense fallback={<Splash text={words.chat.loading} />}>
      <p className="plain-note">{words.chat.plain}</p>
      <PlainChat {...props} />
    </Suspense>
  );
}
