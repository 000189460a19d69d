import type { FormEvent } from "react";
import { Icon } from "./Icon";
import { words } from "./words";

/** Asks why an answer was bad. */
export function ReasonForm({ onReason, onClose }: { onReason(reason: string): void; onClose(): void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onReason(String(new FormData(event.currentTarget).get("reason")).trim());
  };
  return (
    <form className="pc-reason" ref={inSight} onSubmit={submit}>
      <input
        className="pc-field"
        name="reason"
        maxLength={1000}
        aria-label={words().reason}
        placeholder={words().reason}
      />
      <button type="submit" className="pc-button">
        {words().sendReason}
      </button>
      <button type="button" aria-label={words().close} title={words().close} onClick={onClose}>
        <Icon name="close" />
      </button>
    </form>
  );
}

/** Scrolls the form into view: at the end of the conversation it would open behind the composer. */
const inSight = (form: HTMLFormElement | null) => form?.scrollIntoView({ block: "nearest" });
