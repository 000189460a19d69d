import { Logo } from "./Logo";

/** What is shown while something is awaited. */
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
