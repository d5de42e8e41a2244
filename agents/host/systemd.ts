import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What the join needs of systemd. */
export interface Systemd {
  enable(units: readonly string[]): Promise<void>;
  /** Asks for units to be started, or restarted where they run; returns at once. */
  start(units: readonly string[]): Promise<void>;
  restart(units: readonly string[]): Promise<void>;
  /** `active`, `activating`, `failed` …; of the units in the order given. */
  states(units: readonly string[]): Promise<readonly string[]>;
}

const run = promisify(execFile);

export const systemd: Systemd = {
  async enable(units) {
    await run('systemctl', ['enable', ...units]);
  },
  async start(units) {
    await run('systemctl', ['start', '--no-block', ...units]);
  },
  async restart(units) {
    await run('systemctl', ['restart', '--no-block', ...units]);
  },
  async states(units) {
    // is-active exits with 3 where one is not active, and says all states all the same.
    const { stdout } = await run('systemctl', ['is-active', ...units]).catch(
      (error: { code?: unknown; stdout?: string }) => {
        if (error.code === 3 && error.stdout !== undefined) return { stdout: error.stdout };
        throw error;
      },
    );
    return stdout.trim().split('\n');
  },
};
