/** What a test file started: when the file is stopped at its time limit, its servers must not live on. */
import { readdirSync, readFileSync } from 'node:fs';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly args: string;
}

/**
 * Ids of the process that runs `path` and of all below it; empty where the computer has no /proc. The runner asks that
 * process politely to end, but what handles signals itself, as a Temporal worker does, may not.
 */
export function processesOf(path: string): number[] {
  const all = processes();
  const runner = all.find(({ parent, args }) => parent === process.pid && args.includes(path));
  if (runner === undefined) return [];
  const below = (pid: number): number[] =>
    all.filter(({ parent }) => parent === pid).flatMap((child) => [child.pid, ...below(child.pid)]);
  return [runner.pid, ...below(runner.pid)];
}

function processes(): Process[] {
  const pids = entries('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name, in parentheses, may hold anything; the parent is the second field after it.
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      return [{ pid: Number(pid), parent, args: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Ends processes by their ids; those that are gone are no error. */
export function end(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone already
    }
  }
}
