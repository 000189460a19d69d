import { type Ref, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { WithExtras } from "./extra-parts";
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
  const bad = useRef<HTMLButtonElement>(null);
  const rate = (next: Rating | null) => {
    fail(false);
    ask(next?.kind === "negative" && next.reason === undefined);
    onRate(next).catch(() => {
      fail(true);
      ask(false);
    });
  };
  const toggle = (kind: Rating["kind"]) => rate(rating?.kind === kind ? null : { kind });
  const explain = (reason: string) => {
    if (reason) rate({ kind: "negative", reason });
    close();
  };
  const close = () => {
    flushSync(() => ask(false));
    bad.current?.focus();
  };
  return (
    <>
      <Thumb kind="good" pressed={rating?.kind === "positive"} onClick={() => toggle("positive")} />
      <Thumb ref={bad} kind="bad" pressed={rating?.kind === "negative"} onClick={() => toggle("negative")} />
      {rating?.reason && !asking && <span className="pc-caption">{words().thanks}</span>}
      {failed && <span role="alert">{words().notSaved}</span>}
      {asking && <WithExtras>{({ ReasonForm }) => <ReasonForm onReason={explain} onClose={close} />}</WithExtras>}
    </>
  );
}

interface ThumbProps {
  kind: "good" | "bad";
  pressed: boolean;
  onClick(): void;
  ref?: Ref<HTMLButtonElement>;
}

function Thumb({ kind, pressed, onClick, ref }: ThumbProps) {
  return (
    <button
      type="button"
      ref={ref}
      aria-label={words()[kind]}
      title={pressed ? words().withdraw : words()[kind]}
      aria-pressed={pressed}
      onClick={onClick}
    >
      <Icon name={kind} />
    </button>
  );
}
