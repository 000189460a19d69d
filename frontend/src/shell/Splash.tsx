import { Logo } from "./Logo";

/** A loading indicator. */
export function Splash({ text }: { text: string }) {
  return (
    <div className="centered" aria-busy="true">
      <Logo />
      <p className="muted" role="status">
        {text}
      </p>
    </div>
  );
}
