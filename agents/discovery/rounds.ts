/** Wakes a loop: any number of calls while it works make it work once more. */
export class Bell {
  #rung = false;
  #wake = () => {};

  readonly ring = (): void => {
    this.#rung = true;
    this.#wake();
  };

  /** Until it is rung, or was since the last time, or `ms` have passed. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#rung = false;
  }
}

export interface Rounds {
  readonly bell: Bell;
  readonly signal: AbortSignal;
  /** A round is made after this time though nothing was heard, so that what was missed is found, milliseconds. */
  readonly everyMs: number;
}

/**
 * Makes rounds until the signal is aborted, and then throws its reason.
 *
 * @param round may say when the next is due, milliseconds since the epoch
 */
export async function makeRounds(
  { bell, signal, everyMs }: Rounds,
  round: () => Promise<number | undefined>,
): Promise<never> {
  signal.addEventListener('abort', bell.ring, { once: true });
  for (;;) {
    signal.throwIfAborted();
    const due = await round();
    const left = due === undefined ? everyMs : Math.max(0, due - Date.now());
    await bell.wait(Math.min(everyMs, left));
  }
}
