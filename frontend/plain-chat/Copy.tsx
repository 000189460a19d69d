import { useEffect, useState } from "react";
import { Icon } from "./Icon";
import { words } from "./words";

const SHOWN_MS = 2000;

/** A button that copies `text()` as plain text. It says "Copied" for two seconds. */
export function CopyButton({ label, text }: { label: string; text(): string }) {
  const [state, setState] = useState<"ready" | "copied" | "failed">("ready");
  useEffect(() => {
    if (state === "ready") return;
    const timer = setTimeout(() => setState("ready"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = () =>
    navigator.clipboard.writeText(text()).then(
      () => setState("copied"),
      () => setState("failed"),
    );
  return (
    <>
      <button type="button" className="pc-copy" aria-label={label} title={label} onClick={() => void copy()}>
        <Icon name={state === "copied" ? "done" : "copy"} />
      </button>
      <span className="pc-unseen" role="status">
        {state === "ready" ? "" : state === "copied" ? words().copied : words().notCopied}
      </span>
    </>
  );
}
