import { Logo } from "./Logo";

/** An error message with the one action that can help. */
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
