/** Looks at and ends processes of machines by what the kernel says about them, never by a name pattern. */
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** When a process started, in clock ticks since the computer's boot: tells a process from a later one with its pid. */
export function startTicks(pid: number): string | undefined {
  // The command's name may hold spaces and parentheses; fields are counted after its end.
  const stat = readProc(pid, 'stat');
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  // A zombie runs no more; it only waits for its parent to look.
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** Every process of the computer. */
export function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The first process of the PID namespace that a container manager with this pid runs, once there is one. */
export function initOf(pid: number): number | undefined {
  const children = (readProc(pid, `task/${pid}/children`) ?? '')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  for (const child of children) {
    const namespacePids = /^NSpid:\s+(.*)$/m.exec(readProc(child, 'status') ?? '')?.[1]?.split(/\s+/) ?? [];
    if (namespacePids.length > 1 && namespacePids.at(-1) === '1') return child;
    const deeper = initOf(child);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

/** Processes whose root is an overlay with its upper layer below `folder`: machines, wherever else they are written down. */
export function processesRootedBelow(folder: string): number[] {
  const upper = `upperdir=${folder}/`;
  return allProcesses().filter((pid) => {
    const mounts = readProc(pid, 'mountinfo') ?? '';
    return mounts.split('\n').some((line) => line.split(' ')[4] === '/' && line.includes(upper));
  });
}

/** Container managers that were given a root below `folder`. */
export function managersOf(folder: string): number[] {
  return allProcesses().filter((pid) => {
    const args = (readProc(pid, 'cmdline') ?? '').split('\0');
    return args.includes('systemd-nspawn') && args.some((arg) => arg.startsWith(`${folder}/`));
  });
}

/** SIGKILL to each. */
export function killNow(pids: Iterable<number>): void {
  for (const pid of pids) signal(pid, 'SIGKILL');
}

/** Signals a process; one that is gone already needs no signal. */
export function signal(pid: number | undefined, what: NodeJS.Signals | number): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, what);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Resolves to true when `condition` holds, looking every few milliseconds; false after `milliseconds`. */
export async function eventually(milliseconds: number, condition: () => boolean): Promise<boolean> {
  const end = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > end) return false;
    await sleep(15);
  }
  return true;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended meanwhile, or is a zombie without a memory map: there is nothing to read.
    return undefined;
  }
}
