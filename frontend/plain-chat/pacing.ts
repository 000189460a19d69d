/**
 * Rendering at a pace that leaves the browser time for the user's input, however fast the events of a stream arrive.
 *
 *     const pacer = new Pacer(() => render());
 *     for await (const event of events) {
 *       apply(event);
 *       pacer.soon();                  // at most one render per frame, and fewer when one takes longer than a frame
 *       await breaks.take();           // a task of its own after 8 ms of events without a pause
 *     }
 */

const FRAME_MS = 17;
const HIDDEN_MS = 250; // hidden tabs have no frames
const BURST_MS = 8;

export class Pacer {
  private waiting = false;
  private costMs = 0;

  constructor(private readonly update: () => void) {}

  /** Update in the next frame. After an update that took long, wait twice as long as it took. */
  soon(): void {
    if (this.waiting) return;
    this.waiting = true;
    const run = () =>
      nextFrame(() => {
        this.waiting = false;
        const begun = performance.now();
        this.update();
        void task().then(() => {
          this.costMs = performance.now() - begun;
        });
      });
    if (this.costMs > FRAME_MS) setTimeout(run, this.costMs * 2);
    else run();
  }
}

/** Pauses in a loop over events that are already there, which would otherwise run as one long task. */
export class Breaks {
  private begun = performance.now();

  async take(): Promise<void> {
    if (performance.now() - this.begun < BURST_MS) return;
    await task();
    this.begun = performance.now();
  }
}

/** Resolve in a later task: after input and painting. A timer would wait a second in a hidden tab. */
function task(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function nextFrame(run: () => void): void {
  const once = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, HIDDEN_MS);
}
