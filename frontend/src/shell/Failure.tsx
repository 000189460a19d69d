import { Logo } from "./Logo";

/** The whole page when it cannot be shown: what happened, and the one thing that can be done. */
export function Failure({ message, action, onAction }: { message: string; action: string; onAction: () => void }) {
  return (
    <main className="centered" role="alert">
      <Logo />
      <p>{message}</p>
      <button type="button" className="primary" onClick={onAction}>
        {action}
      </button>
    </main>
  );
}
