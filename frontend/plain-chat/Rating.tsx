import { type FormEvent, useState } from "react";
import { Icon } from "./Icon";
import type { Rating } from "./wire";
import { words } from "./words";

export interface RatingProps {
  rating: Rating | undefined;
  /** Save a rating, or withdraw it with null. */
  onRate(rating: Rating | null): Promise<void>;
}

/** Thumbs up and down. The pressed one withdraws the rating, and a bad one can have a reason. */
export function RatingButtons({ rating, onRate }: RatingProps) {
  const [asking, ask] = useState(false);
  const [failed, fail] = useState(false);
  const rate = (next: Rating | null) => {
    fail(false);
    ask(next?.kind === "negative" && next.reason === undefined);
    onRate(next).catch(() => {
      fail(true);
      ask(false);
    });
  };
  const toggle = (kind: Rating["kind"]) => rate(rating?.kind === kind ? null : { kind });
  const explain = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget).get("reason")).trim();
    if (reason) rate({ kind: "negative", reason });
    ask(false);
  };
  return (
    <>
      <Thumb kind="good" pressed={rating?.kind === "positive"} onClick={() => toggle("positive")} />
      <Thumb kind="bad" pressed={rating?.kind === "negative"} onClick={() => toggle("negative")} />
      {rating?.reason && !asking && <span className="pc-caption">{words().thanks}</span>}
      {failed && <span role="alert">{words().notSaved}</span>}
      {asking && (
        <form className="pc-reason" ref={inSight} onSubmit={explain}>
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
          <button type="button" aria-label={words().close} title={words().close} onClick={() => ask(false)}>
            <Icon name="close" />
          </button>
        </form>
      )}
    </>
  );
}

function Thumb({ kind, pressed, onClick }: { kind: "good" | "bad"; pressed: boolean; onClick(): void }) {
  return (
    <button
      type="button"
      aria-label={words()[kind]}
      title={pressed ? words().withdraw : words()[kind]}
      aria-pressed={pressed}
      onClick={onClick}
    >
      <Icon name={kind} />
    </button>
  );
}

/** Scrolls the form into view: at the end of the conversation it would open behind the composer. */
const inSight = (form: HTMLFormElement | null) => form?.scrollIntoView({ block: "nearest" });
