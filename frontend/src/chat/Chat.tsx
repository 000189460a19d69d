import { lazy, Suspense, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { RuntimeConfig } from "../config";
import { languagePreference, useLanguage } from "../preferences/language";
import { createPreference, usePreference } from "../preferences/preference";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { Splash } from "../shell/Splash";
import type { ChatProps } from "./chat-props";
import { chatKitIsBlocked, loadChatKit } from "./chatkit-script";
import { drafts } from "./drafts";
import { openThread } from "./open-thread";

/** A note that ChatKit's component could not load, until the user dismisses it. */
function PlainNote() {
  const { words } = useLanguage();
  const [dismissed, dismiss] = usePreference(noteDismissed);
  if (dismissed === "yes") return null;
  return (
    <p className="plain-note">
      {words.chat.plain}{" "}
      <button type="button" onClick={() => dismiss("yes")}>
        {words.shell.dismiss}
      </button>
    </p>
  );
}

const noteDismissed = createPreference("plain-note-dismissed", ["no", "yes"], () => "no");
const loadOfficialChat = () => import("./OfficialChat").then((module) => ({ default: module.OfficialChat }));
const OfficialChat = lazy(loadOfficialChat);
const loadPlainChat = () => {
  // At the same time as the chat, which would ask for its translation only when it is here.
  if (languagePreference.get() === "de") void import("../../plain-chat/words.de").catch(() => undefined);
  return import("../../plain-chat/PlainChat");
};
const PlainChat = lazy(loadPlainChat);

/** Whether the plain chat is shown without waiting for ChatKit's script. */
export function startsPlain({ domainKey }: Pick<RuntimeConfig, "domainKey">): boolean {
  return !domainKey || chatKitIsBlocked();
}

/** Load the chat's code at the same time as its options. A failure is handled by `Chat`. */
export function preloadChat(config: RuntimeConfig): void {
  if (config.domainKey) void loadOfficialChat().catch(() => undefined);
  if (config.domainKey) void loadChatKit().catch(() => undefined); // also where it was blocked: the next visit may have it
  if (startsPlain(config)) void loadPlainChat().catch(() => undefined);
}

/** ChatKit's component, or the plain chat if its script, its frame or the domain key is missing. */
export function Chat(props: ChatProps) {
  const { words } = useLanguage();
  const shared = { ...props, api: useAnnounced(props) };
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
      {props.config.domainKey && <PlainNote />}
      <PlainChat {...shared} apiUrl={props.config.apiUrl} openThread={openThread} drafts={drafts} />
    </Suspense>
  );
  if (kind === "loading") return <Splash text={words.chat.loading} />;
  if (kind === "plain") return plain;
  return (
    <ErrorBoundary fallback={plain}>
      <Suspense fallback={<Splash text={words.chat.loading} />}>
        <OfficialChat {...shared} onDead={fallBack} />
      </Suspense>
    </ErrorBoundary>
  );
}

/** Requests by which the user asks something. The output of a client tool continues a turn. */
const QUESTIONS = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);

/** Return an `api` that calls the panel's `onTurnStart`. ChatKit has no event for it. */
function useAnnounced({ api, host }: ChatProps): ChatProps["api"] {
  const latest = useRef(host);
  useLayoutEffect(() => {
    latest.current = host;
  });
  return useCallback(
    (url, init) => {
      if (QUESTIONS.has(typeOf(init?.body))) latest.current.onTurnStart?.();
      return api(url, init);
    },
    [api],
  );
}

function typeOf(body: BodyInit | null | undefined): string {
  if (typeof body !== "string") return "";
  try {
    return JSON.parse(body).type;
  } catch {
    return ""; // not of the protocol
  }
}
