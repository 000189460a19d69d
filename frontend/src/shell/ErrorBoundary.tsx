import { Component, type ReactNode } from "react";
import { currentWords } from "../preferences/language";
import { Failure } from "./Failure";

/** Keeps a fault in our code from leaving a blank page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    const { failed, reload } = currentWords().start;
    return (
      <main className="whole">
        <Failure message={failed} action={reload} onAction={() => location.reload()} />
      </main>
    );
  }
}
