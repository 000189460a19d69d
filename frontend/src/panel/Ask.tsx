import type { ReactNode } from "react";
import { useLanguage } from "../preferences/language";

/** A row that asks the assistant about itself when it is clicked. */
export function Ask({ onAsk, children }: { onAsk: () => void; children: ReactNode }) {
  const { askAbout } = useLanguage().words.panel;
  return (
    <button type="button" className="ask" title={askAbout} onClick={onAsk}>
      {children}
      <span className="unseen">{askAbout}</span>
    </button>
  );
}
