import { useState } from "react";
import type { Session } from "../identity/session";
import { useLanguage } from "../preferences/language";
import { ALLOWANCE_WORDS } from "../words/allowances";
import { Notice } from "./Notice";

/** An entry of `GET /chatkit/allowances`. */
interface Allowance {
  id: string;
  words: string;
  granted_at: string;
  until: string | null;
}

/** What the user always allows, loaded when it is opened, and a button to revoke each. */
export default function Allowances({ session }: { session: Pick<Session, "call"> }) {
  const { language, locale } = useLanguage();
  const words = ALLOWANCE_WORDS[language];
  const [allowed, setAllowed] = useState<Allowance[]>();
  const [notice, setNotice] = useState("");
  const day = (time: string) => new Date(time).toLocaleDateString(locale, { dateStyle: "medium" });

  async function load() {
    const answer = await session.call("/allowances", "GET");
    if (!answer.ok) throw new Error(`allowances: ${answer.status}`);
    setAllowed(((await answer.json()) as { data: Allowance[] }).data);
  }
  async function revoke(id: string) {
    const answer = await session.call(`/allowances/${encodeURIComponent(id)}/revoke`, "POST");
    if (!answer.ok) throw new Error(`revoke: ${answer.status}`);
    setNotice(words.revoked);
    await load();
  }
  function attempt(work: Promise<void>) {
    setNotice("");
    work.catch(() => setNotice(words.failed));
  }

  return (
    <details onToggle={(event) => event.currentTarget.open && attempt(load())}>
      <summary>{words.title}</summary>
      {allowed?.length === 0 && <p className="muted">{words.none}</p>}
      <ul className="rows">
        {allowed?.map(({ id, words: calls, granted_at, until }) => (
          <li key={id}>
            <span id={id} dir="auto">
              {calls}
            </span>{" "}
            <small className="muted">
              {words.since(day(granted_at))} {until && words.until(day(until))}
            </small>
            <button type="button" aria-describedby={id} onClick={() => attempt(revoke(id))}>
              {words.revoke}
            </button>
          </li>
        ))}
      </ul>
      {notice && <Notice>{notice}</Notice>}
    </details>
  );
}
