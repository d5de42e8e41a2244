/** Facts about processes from /proc. A pid alone can be reused; a pid with its start time cannot. */
import { readFileSync } from 'node:fs';

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
