import { Component, type ReactNode } from "react";
import { currentWords } from "../preferences/language";
import { Failure } from "./Failure";

interface ErrorBoundaryProps {
  children: ReactNode;
  /** Replacement for `children` after an error. Default: an error page. */
  fallback?: ReactNode;
}

/** Shows a fallback when a component throws, instead of a blank page. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    const { children, fallback = <WholePage /> } = this.props;
    return this.state.failed ? fallback : children;
  }
}

function WholePage() {
  const { failed, reload } = currentWords().start;
  return (
    <main className="whole">
      <Failure message={failed} action={reload} onAction={() => location.reload()} />
    </main>
  );
}
