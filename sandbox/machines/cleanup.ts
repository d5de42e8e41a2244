/** Finds and removes what machines of a sandbox left on the computer, by what the kernel and their folders say. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../network/commands.ts';
import { destroyNetwork } from '../network/destroy.ts';
import { readState } from '../state.ts';
import { removeCgroups } from './cgroups.ts';
import { diskOf, machinesFolder } from './disk.ts';
import { MachineError } from './errors.ts';
import { eventually, initOf, killNow, managersOf, processesRootedBelow, startTicks } from './processes.ts';

/**
 * Removes every process, mount, cgroup, disk, namespace and link of the sandbox in `home`, also when its owner was
 * killed. Succeeds on nothing. `index` is the sandbox's; by default what its state file says.
 */
export async function destroySandboxResources(
  home: string,
  index = readState(home)?.addresses.index,
): Promise<void> {
  await removeMachines(home);
  await removeMounts(home);
  if (index !== undefined) await destroyNetwork(index);
}

/** Kills every machine of a sandbox and removes disks and cgroups. Succeeds on nothing. */
export async function removeMachines(home: string): Promise<void> {
  const folder = machinesFolder(home);
  if (!existsSync(folder)) return;
  const instances = await readdir(folder);
  await killMachines(home, instances);
  await removeMounts(folder);
  for (const instanceId of instances) await removeCgroups(instanceId);
  await rm(folder, { recursive: true, force: true });
}

async function killMachines(home: string, instances: readonly string[]): Promise<void> {
  const folder = machinesFolder(home);
  const left = (): number[] => [
    ...new Set([
      ...instances.flatMap((id) => recordedProcess(home, id)),
      ...managersOf(folder),
      ...processesRootedBelow(folder),
    ]),
  ];
  // A machine that is just starting may appear after the first look.
  const gone = await eventually(10_000, () => {
    const pids = left();
    // First the machines' own first processes, or killing the managers would orphan them.
    killNow(pids.map((pid) => initOf(pid)).filter((pid) => pid !== undefined));
    killNow(pids);
    return pids.length === 0;
  });
  if (!gone)
    throw new MachineError(
      `Cannot end machines below "${folder}": expected processes ${left().join(', ')} to die`,
    );
}

/** The manager that the last boot of an instance wrote down, if it is still that process. */
function recordedProcess(home: string, instanceId: string): number[] {
  const path = diskOf(home, instanceId).record;
  if (!existsSync(path)) return [];
  const record = parseRecord(readFileSync(path, 'utf8'));
  return record !== undefined && startTicks(record.pid) === record.startTicks ? [record.pid] : [];
}

/** The record may be cut short by the same kill; the other ways of looking find the process then. */
function parseRecord(text: string): { readonly pid: number; readonly startTicks: string } | undefined {
  try {
    return JSON.parse(text) as { pid: number; startTicks: string };
  } catch {
    return undefined;
  }
}

/** Unmounts what is mounted at or below a folder, innermost first. */
async function removeMounts(folder: string): Promise<void> {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point === folder || point.startsWith(join(folder, '/')));
  for (const point of points.toReversed()) await run('umount', ['--lazy', point]);
}
