import { Logo } from "./Logo";

/** What is shown in the place of something that cannot be: what happened, and the one thing that can be done. */
export function Failure({ message, action, onAction }: FailureProps) {
  return (
    <div className="centered">
      <Logo />
      <p role="alert">{message}</p>
      <button type="button" className="primary" onClick={onAction}>
        {action}
      </button>
    </div>
  );
}

interface FailureProps {
  message: string;
  action: string;
  onAction: () => void;
}
