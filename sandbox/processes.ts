/** Facts about processes from /proc. A pid alone can be reused; a pid with its start time cannot. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;
const KILL_WAIT_MS = 5_000;

export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, as field 22 of `/proc/<pid>/stat` says. */
  readonly startTicks: string;
}

/** Fields of `/proc/<pid>/stat` from the state (field 3) on; the command before it may hold spaces and brackets. */
function statFields(pid: number): readonly string[] | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

export function startTicks(pid: number): string | undefined {
  return statFields(pid)?.[19];
}

export function identityOf(pid: number): ProcessIdentity | undefined {
  const ticks = startTicks(pid);
  return ticks === undefined ? undefined : { pid, startTicks: ticks };
}

/** True while exactly this process runs; a zombie that only waits for its parent counts as ended. */
export function isAlive({ pid, startTicks: ticks }: ProcessIdentity): boolean {
  const fields = statFields(pid);
  return fields !== undefined && fields[19] === ticks && fields[0] !== 'Z' && fields[0] !== 'X';
}

/** Resident memory in bytes; undefined once the process has ended. */
export function residentBytes(pid: number): number | undefined {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return line ? Number(line[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}

/** In the environment of every process that a sandbox starts, and so of what those start: how `down` finds them. */
export const MARK = 'ZONEWRIGHT_SANDBOX_PROCESS';

/** Processes of the sandbox with this home, also those that its state file does not know. */
export function markedProcesses(home: string): ProcessIdentity[] {
  const mark = `${MARK}=${home}`;
  const found: ProcessIdentity[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const identity = identityOf(pid);
    if (identity && environmentOf(pid).includes(mark) && isAlive(identity)) found.push(identity);
  }
  return found;
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/**
 * Ends exactly these processes: SIGTERM, and SIGKILL to those left after `graceMs`.
 * @throws {Error} when one survives that
 */
export async function endProcesses(processes: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  signal(processes, 'SIGTERM');
  let left = await waitUntilEnded(processes, graceMs);
  signal(left, 'SIGKILL');
  left = await waitUntilEnded(left, KILL_WAIT_MS);
  if (left.length === 0) return;
  throw new Error(`Cannot end processes ${left.map(({ pid }) => pid).join(', ')}: they survived SIGKILL`);
}

function signal(processes: readonly ProcessIdentity[], name: NodeJS.Signals): void {
  for (const identity of processes) {
    if (!isAlive(identity)) continue;
    try {
      process.kill(identity.pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function waitUntilEnded(
  processes: readonly ProcessIdentity[],
  withinMs: number,
): Promise<ProcessIdentity[]> {
  const deadline = performance.now() + withinMs;
  let left = processes.filter(isAlive);
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(POLL_MS);
    left = left.filter(isAlive);
  }
  return left;
}
