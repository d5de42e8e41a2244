/** The sandbox that benches run in: one of their own, so that nobody's work is measured with it or lost. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { down } from '../sandbox/down.ts';
import { readState, type SandboxState } from '../sandbox/state.ts';
import { up, type UpOptions } from '../sandbox/up.ts';
import { endChildren } from './cli.ts';

const DEFAULT_HOME = '/var/lib/zonewright/bench';
const CLI = join(import.meta.dirname, '../clients/cli/main.ts');

/**
 * Points this process and those that it starts to the benches' sandbox.
 * @throws {Error} when one is up there
 */
export function useBenchHome(): string {
  const home = (process.env['ZONEWRIGHT_SANDBOX_HOME'] ??= DEFAULT_HOME);
  process.env['ZONEWRIGHT_CONTEXT'] = 'sandbox';
  if (readState(home) === undefined) return home;
  throw new Error(
    `Cannot measure in "${home}": a sandbox is up there, expected none; run: ZONEWRIGHT_SANDBOX_HOME=${home} zonewright sandbox down`,
  );
}

/**
 * A run that is ended leaves no sandbox: it is taken down by a process that outlives this one, since this one may hold
 * the sandbox's lock.
 */
export function takeDownOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      endChildren();
      spawn(process.execPath, [CLI, 'sandbox', 'down'], { detached: true, stdio: 'ignore' }).unref();
      process.exit(128 + constants.signals[signal]);
    });
}

/** Gives `body` a sandbox and takes it down afterwards, whatever happens. */
export async function withSandbox<T>(
  body: (state: SandboxState) => Promise<T>,
  options: Pick<UpOptions, 'workers'> = {},
): Promise<T> {
  try {
    return await body(await up(options));
  } finally {
    await down();
  }
}
