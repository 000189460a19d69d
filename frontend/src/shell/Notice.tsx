import type { ReactNode } from "react";

/** Something the person should know; read out when it appears. */
export function Notice({ children }: { children: ReactNode }) {
  return (
    <p className="notice" role="status">
      {children}
    </p>
  );
}
