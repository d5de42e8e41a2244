/** Takes the sandbox down, by its state file and by what is found, and proves that nothing is left. */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { releaseIndex, reservedIndex } from './addresses.ts';
import { SandboxError } from './errors.ts';
import { findLeftovers, loopDevicesBelow } from './leftovers.ts';
import { destroySandboxResources } from './machines/cleanup.ts';
import { machinesFolder } from './machines/disk.ts';
import { endProcesses, markedProcesses } from './processes.ts';
import { readState, sandboxHome } from './state.ts';
import { withLock } from './toolchain/lock.ts';
import { runCommand } from './toolchain/run.ts';

/** Short, since their state goes with them; Temporal alone would take ten seconds. */
const GRACE_MS = 2_000;
const LOCK = '.lock';
/** Layers of baked images, and the lock that is held meanwhile. */
const KEPT: readonly string[] = ['images', LOCK];

export interface DownOptions {
  readonly home?: string;
  readonly signal?: AbortSignal;
}

/**
 * Ends every process of the sandbox and removes what it made, whatever died before. Only the layers of images
 * stay. Succeeds on nothing.
 * @returns whether there was anything to take down
 * @throws {SandboxError} `left-behind`, naming what could not be removed
 */
export async function down({ home = sandboxHome(), signal }: DownOptions = {}): Promise<boolean> {
  if (!existsSync(home)) return false;
  const taken = await withLock(join(home, LOCK), () => takeDown(home), { signal });
  if (readdirSync(home).length === 0) rmdirSync(home);
  return taken;
}

/** The same for a caller that holds the lock. */
export async function takeDown(home: string): Promise<boolean> {
  const state = readState(home);
  const index = state?.addresses.index ?? reservedIndex(home);
  const traces = { home, index, instances: instancesOf(home) };
  const found = state !== undefined || (await findLeftovers(traces)).length > 0;
  // The last started first: workers before what they talk to, the front before its emulator.
  for (const running of state?.processes.toReversed() ?? []) await endProcesses([running], GRACE_MS);
  await removeResources(home, index);
  const strays = markedProcesses(home);
  if (strays.length > 0) {
    // They may have made something anew meanwhile.
    await endProcesses(strays, GRACE_MS);
    await removeResources(home, index);
  }
  const left = await findLeftovers(traces);
  if (left.length > 0) {
    throw new SandboxError(
      'left-behind',
      `Cannot take down the sandbox in "${home}": left are ${left.join(', ')}`,
    );
  }
  for (const entry of readdirSync(home)) {
    if (!KEPT.includes(entry)) rmSync(join(home, entry), { recursive: true, force: true });
  }
  releaseIndex(home);
  return found;
}

async function removeResources(home: string, index: number | undefined): Promise<void> {
  for (const device of loopDevicesBelow(home)) await runCommand('losetup', ['--detach', `/dev/${device}`]);
  await destroySandboxResources(home, index);
}

function instancesOf(home: string): readonly string[] {
  const folder = machinesFolder(home);
  return existsSync(folder) ? readdirSync(folder) : [];
}
