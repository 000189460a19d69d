import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const AT_THE_END_PX = 24;

interface Scrolling {
  log: RefObject<HTMLDivElement | null>;
  /** Whether the newest item is kept in view. */
  following: boolean;
  toLatest(): void;
  onScroll(): void;
}

/**
 * Keep the newest item in view until the user scrolls up, and keep the user's place when older items are added above.
 *
 * `threadId` and `turn` (true while an answer is coming) start to follow again; `first` is the id of the oldest item.
 * The item `target` is shown instead of the newest one. A newest item with `data-from-its-start` that is taller than the
 * log, such as a form, is shown from its first line.
 */
export function useScrolling(
  threadId: string | undefined,
  turn: boolean,
  first: string | undefined,
  target: string | null,
  grown: unknown,
): Scrolling {
  const log = useRef<HTMLDivElement>(null);
  const before = useRef({ first, height: 0, top: 0 });
  const [following, follow] = useState(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another thread starts at its end
  useLayoutEffect(() => follow(true), [threadId]);
  useLayoutEffect(() => {
    if (turn) follow(true);
  }, [turn]);

  useLayoutEffect(() => {
    const place = log.current;
    const found = target && [...(place?.children ?? [])].find((child) => itemOf(child) === target);
    if (!place || !found) return;
    found.setAttribute("data-target", "");
    found.scrollIntoView({ block: "center" });
    follow(isAtTheEnd(place));
  }, [target]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: after each addition
  useLayoutEffect(() => {
    const place = log.current;
    if (!place) return;
    const { first: firstBefore, height, top } = before.current;
    const last = lastItem(place);
    if (first !== firstBefore && firstBefore && !following) place.scrollTop = top + (place.scrollHeight - height);
    else if (following && last?.matches("[data-from-its-start]") && last.offsetHeight > place.clientHeight) {
      last.scrollIntoView({ block: "start" });
      follow(false);
    } else if (following) place.scrollTop = place.scrollHeight;
    before.current = { first, height: place.scrollHeight, top: place.scrollTop };
  }, [grown, first, following]);

  // Images and fonts change heights without a render, and so do a phone's keyboard, a growing composer, and the history,
  // which hides the log: a hidden element loses its place.
  useEffect(() => {
    const place = log.current;
    if (!place) return;
    let hidden = false;
    const keep = () => {
      if (following) place.scrollTop = place.scrollHeight;
      else if (hidden) place.scrollTop = before.current.top;
      hidden = place.clientHeight === 0;
    };
    const observer = new ResizeObserver(keep);
    observer.observe(place);
    place.addEventListener("load", keep, true);
    return () => {
      observer.disconnect();
      place.removeEventListener("load", keep, true);
    };
  }, [following]);

  const onScroll = useCallback(() => {
    const place = log.current;
    if (!place) return;
    const { height, top } = before.current;
    const up = place.scrollTop < top - 1 && place.scrollHeight >= height;
    const atTheEnd = isAtTheEnd(place);
    before.current = { ...before.current, height: place.scrollHeight, top: place.scrollTop };
    if (up && !atTheEnd) follow(false);
    else if (atTheEnd) follow(true);
  }, []);
  return { log, following, toLatest: () => follow(true), onScroll };
}

function lastItem(place: HTMLElement): HTMLElement | undefined {
  return [...place.querySelectorAll<HTMLElement>(":scope > :not(.pc-ending)")].at(-1);
}

function isAtTheEnd(place: HTMLElement): boolean {
  return place.scrollHeight - place.scrollTop - place.clientHeight < AT_THE_END_PX;
}

function itemOf(element: Element): string | undefined {
  return (element as HTMLElement).dataset.item;
}
