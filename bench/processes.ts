/** Memory of the processes below those of a sandbox, its machines' processes included. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { SandboxState } from '../sandbox/state.ts';

export interface ProcessMemory {
  /** The sandbox's process that it descends from, or the machine that it runs on. */
  readonly owner: string;
  readonly name: string;
  readonly rssMiB: number;
  /** As RSS, but what is shared counts in parts: only this adds up. */
  readonly pssMiB: number;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly args: readonly string[];
}

export function memoryOf(state: SandboxState): readonly ProcessMemory[] {
  const all = listProcesses();
  const below = Map.groupBy(all, ({ parent }) => parent);
  const found: ProcessMemory[] = [];
  const visit = (process: Process, owner: string): void => {
    const machine = process.args.find((argument) => argument.startsWith('--machine='))?.slice(10);
    const place = machine === undefined ? owner : `machine ${machine}`;
    const memory = memoryOfProcess(process.pid);
    if (memory) found.push({ owner: place, name: nameOf(process), ...memory });
    for (const child of below.get(process.pid) ?? []) visit(child, place);
  };
  for (const { pid, name } of state.processes) {
    const process = all.find((one) => one.pid === pid);
    if (process) visit(process, name);
  }
  return found;
}

function listProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        const args = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').filter(Boolean);
        return [{ pid: Number(entry), parent, args }];
      } catch {
        return []; // ended meanwhile
      }
    });
}

/** The program; of an interpreter, what it runs. */
function nameOf({ args }: Process): string {
  const program = basename(args[0]?.split(' ')[0] ?? '').replace(/:$/, '');
  if (program.startsWith('ld'))
    return basename(args.find((argument) => argument.endsWith('bound')) ?? program);
  if (!/^(node|sh|python3?(\.\d+)?)$/.test(program)) return program;
  const script = args.slice(1).find((argument) => /\.(ts|mjs|js|py)$/.test(argument));
  return script === undefined ? program : `${program} ${basename(script)}`;
}

function memoryOfProcess(pid: number): { rssMiB: number; pssMiB: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const of = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) / 1024;
    return { rssMiB: of('Rss'), pssMiB: of('Pss') };
  } catch {
    return undefined; // ended meanwhile, or a kernel thread
  }
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
