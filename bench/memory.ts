/** Adds the memory of a sandbox: each of its processes, each machine as a whole, all together. */
import type { SandboxState } from '../sandbox/state.ts';
import type { Measurements } from './measurement.ts';
import { memoryOf, sum, type ProcessMemory } from './processes.ts';

const WORKER_MIB = 350;
const SANDBOX_MIB = 3 * 1024;

export function addMemory(figures: Measurements, group: string, state: SandboxState): void {
  const processes = memoryOf(state);
  const rss = (of: readonly ProcessMemory[]): number => sum(of.map(({ rssMiB }) => rssMiB));
  const own = processes.filter(({ owner }) => !owner.startsWith('machine '));
  for (const [name, of] of Map.groupBy(own, ({ owner, name }) =>
    owner === name ? owner : `${owner}: ${name}`,
  ))
    figures.add(name, rss(of), {
      unit: 'MiB',
      group,
      ...(name.startsWith('workers') && { target: WORKER_MIB }),
    });
  for (const [name, of] of Map.groupBy(
    processes.filter(({ owner }) => owner.startsWith('machine ')),
    roleOf(processes),
  )) {
    for (const [program, some] of Map.groupBy(of, (each) => each.name))
      figures.add(`${name}: ${program}${some.length > 1 ? ` (${some.length})` : ''}`, rss(some), {
        unit: 'MiB',
        group,
      });
    figures.add(`${name}: all`, rss(of), { unit: 'MiB', group });
  }
  figures.add('whole sandbox, RSS', rss(processes), { unit: 'MiB', group, target: SANDBOX_MIB });
  const shared = sum(processes.map(({ pssMiB }) => pssMiB));
  figures.add('whole sandbox, shared pages counted once (PSS)', shared, { unit: 'MiB', group });
}

/** A machine is told by what runs on it; its id differs from run to run. */
function roleOf(processes: readonly ProcessMemory[]): (one: ProcessMemory) => string {
  const programs = Map.groupBy(processes, ({ owner }) => owner);
  const has = (owner: string, program: string): boolean =>
    programs.get(owner)?.some(({ name }) => name.startsWith(program)) ?? false;
  return ({ owner }) => {
    if (has(owner, 'kube-apiserver')) return 'director';
    if (has(owner, 'kubelet')) return 'worker node';
    return has(owner, 'node zone-worker') ? 'border' : 'machine';
  };
}
