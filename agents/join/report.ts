import type { JoinPhase, PhaseReport } from '../../domain/machine-config.ts';
import type { MachineStore } from '../host/store.ts';

/** Tells how far a join is: to the journal, and to the machine's prefix once it is open. Never fails the join. */
export class JoinReport {
  readonly #bootId: string;
  readonly #lines: string[] = [];
  readonly #history: { phase: JoinPhase; at: string }[] = [];
  #store: MachineStore | undefined;
  #detail: string | undefined;

  constructor(bootId: string) {
    this.#bootId = bootId;
  }

  /** From here on reports reach the zone store. */
  async openTo(store: MachineStore): Promise<void> {
    this.#store = store;
    await this.#send();
  }

  async enter(phase: JoinPhase): Promise<void> {
    this.#detail = undefined;
    this.#history.push({ phase, at: new Date().toISOString() });
    this.#say(phase);
    await this.#send();
  }

  /** What the phase waits for, or why it failed. The same detail is said once. */
  async detail(text: string): Promise<void> {
    if (text === this.#detail) return;
    this.#detail = text;
    this.#say(`  ${text}`);
    await this.#send();
  }

  #say(text: string): void {
    this.#lines.push(`${new Date().toISOString()} ${text}`);
    console.log(text);
  }

  async #send(): Promise<void> {
    const now = this.#history.at(-1);
    if (!this.#store || !now) return;
    const report: PhaseReport = {
      phase: now.phase,
      since: now.at,
      bootId: this.#bootId,
      ...(this.#detail === undefined ? {} : { detail: this.#detail }),
      history: this.#history,
    };
    try {
      await this.#store.put(this.#store.keys.phase, `${JSON.stringify(report)}\n`);
      await this.#store.put(this.#store.keys.log, `${this.#lines.join('\n')}\n`);
    } catch (error) {
      console.error('cannot report:', (error as Error).message);
    }
  }
}
