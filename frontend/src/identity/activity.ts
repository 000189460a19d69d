import { read, write } from "./tabs";

const KEY = "last-use";
/** Keyboard and pointer. A click into ChatKit's iframe only takes the focus from this page: `blur`. */
const USES = ["pointerdown", "pointermove", "keydown", "wheel", "touchmove", "focus", "blur"];
const WRITE_EVERY_MS = 5_000;
/** Time to continue after the warning (WCAG 2.2.1 requires at least 20 s). */
export const WARNING_MS = 60_000;

/** The last use of any tab of this browser, and the time for which a session may stay unused. */
export class Activity {
  readonly #limitMs: number;

  /** `minutes` is 0 for no limit. */
  constructor(minutes: number) {
    this.#limitMs = minutes > 0 ? minutes * 60_000 : Number.POSITIVE_INFINITY;
  }

  /** Milliseconds until the session counts as idle; 0 from then on. */
  get remainingMs(): number {
    const last = Number(read("localStorage", KEY) ?? Number.NaN);
    const unused = Number.isFinite(last) ? Math.max(0, Date.now() - last) : 0;
    return Math.max(0, this.#limitMs - unused);
  }

  /** Note a use now; an idle session stays idle. */
  use(): void {
    const last = Number(read("localStorage", KEY) ?? 0);
    if (this.#limitMs === Number.POSITIVE_INFINITY || this.remainingMs === 0) return;
    if (Math.abs(Date.now() - last) >= WRITE_EVERY_MS) write("localStorage", KEY, `${Date.now()}`);
  }

  /** Start anew with a sign-in. */
  begin(): void {
    if (this.#limitMs !== Number.POSITIVE_INFINITY) write("localStorage", KEY, `${Date.now()}`);
  }

  /** Call back when the warning should appear or disappear, and once when the session is idle. Returns a stop. */
  watch(onWarning: (visible: boolean) => void, onIdle: () => void): () => void {
    if (this.#limitMs === Number.POSITIVE_INFINITY) return () => undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const check = () => {
      clearTimeout(timer);
      const left = this.remainingMs;
      if (left === 0) {
        stop();
        return onIdle();
      }
      onWarning(left <= WARNING_MS);
      timer = setTimeout(check, left <= WARNING_MS ? left : left - WARNING_MS);
    };
    const used = () => {
      // After the machine slept, the first use arrives before the timer.
      const warned = this.remainingMs <= WARNING_MS;
      this.use();
      if (warned) check();
    };
    const stop = () => {
      clearTimeout(timer);
      for (const name of USES) removeEventListener(name, used);
      removeEventListener("storage", check);
      document.removeEventListener("visibilitychange", check);
    };
    for (const name of USES) addEventListener(name, used, { passive: true });
    addEventListener("storage", check); // another tab was used
    document.addEventListener("visibilitychange", check);
    if (read("localStorage", KEY) === null) this.begin();
    check();
    return stop;
  }
}
