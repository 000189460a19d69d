import type { ReactNode } from "react";
import { Logo } from "./Logo";

/** The whole page while something is awaited. */
export function Splash({ children }: { children: ReactNode }) {
  return (
    <main className="centered" aria-busy="true">
      <Logo />
      <p className="muted" role="status">
        {children}
      </p>
    </main>
  );
}
