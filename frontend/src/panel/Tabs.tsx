import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";

/**
 * Accessible tabs: one stop of the Tab key, and arrow keys between the tabs.
 * https://www.w3.org/WAI/ARIA/apg/patterns/tabs/
 */
export function Tabs<T extends string>({ names, labels, shown, onShow, children }: TabsProps<T>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);

  function onKeyDown(event: KeyboardEvent) {
    const to = targetOf(event.key, names.indexOf(shown), names.length);
    const name = to === null ? undefined : names[to];
    if (name === undefined) return;
    event.preventDefault();
    onShow(name);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[to as number]?.focus();
  }

  return (
    <>
      <div role="tablist" ref={list} className="tabs" onKeyDown={onKeyDown}>
        {names.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={name === shown}
            aria-controls={`${id}-panel`}
            tabIndex={name === shown ? 0 : -1}
            onClick={() => onShow(name)}
          >
            {labels[name]}
          </button>
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling panel must be reachable by keyboard */}
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${shown}`} tabIndex={0} className="tab-panel">
        {children}
      </div>
    </>
  );
}

interface TabsProps<T extends string> {
  names: readonly T[];
  labels: Record<T, string>;
  shown: T;
  onShow: (name: T) => void;
  children: ReactNode;
}

function targetOf(key: string, from: number, count: number): number | null {
  if (key === "ArrowRight") return (from + 1) % count;
  if (key === "ArrowLeft") return (from - 1 + count) % count;
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : null;
}
