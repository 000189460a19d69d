import { Component, type ReactNode } from "react";

/** Shows a fallback for an item that fails to render, so that the chat keeps working. */
export class ErrorBoundary extends Component<{ instead: ReactNode; children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? this.props.instead : this.props.children;
  }
}
