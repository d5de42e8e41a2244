/** A cgroup per machine in every hierarchy of the computer: what the machine's containers make lies below it. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const cgroupName = (instanceId: string): string => `zonewright-${instanceId}`;

/** Mount points of all cgroup hierarchies, version 1 and 2. */
function hierarchies(): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, point, type]) =>
      point !== undefined && (type === 'cgroup' || type === 'cgroup2') ? [point] : [],
    );
}

/** Makes the machine's cgroups and returns their folders; a process joins one by writing itself to `cgroup.procs`. */
export function makeCgroups(instanceId: string): readonly string[] {
  return hierarchies().flatMap((root) => {
    const folder = join(root, cgroupName(instanceId));
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      // A hierarchy may be mounted read-only (inside a container); machines then stay where they are started.
      if ((error as NodeJS.ErrnoException).code === 'EROFS') return [];
      throw error;
    }
    inheritCpus(root, folder);
    return [folder];
  });
}

/** A new cpuset of version 1 is empty, and takes no process before it is filled. */
function inheritCpus(root: string, folder: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (existsSync(join(folder, 'cgroup.controllers')) || !existsSync(join(folder, file))) continue;
    writeFileSync(join(folder, file), readFileSync(join(root, file)));
  }
}

/** Removes the machine's cgroups and all below them, once no process is left in them. */
export async function removeCgroups(instanceId: string): Promise<void> {
  for (const root of hierarchies()) {
    const folder = join(root, cgroupName(instanceId));
    // A process that was just killed leaves its cgroup a moment later.
    for (let attempt = 0; existsSync(folder); attempt += 1) {
      try {
        removeTree(folder);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === 100) throw error;
        await sleep(20);
      }
    }
  }
}

function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
}

/** Instances that have a cgroup on this computer, of whichever sandbox. */
export function instancesWithCgroups(): readonly string[] {
  const prefix = cgroupName('');
  const names = hierarchies().flatMap((root) => readdirSync(root).filter((name) => name.startsWith(prefix)));
  return [...new Set(names.map((name) => name.slice(prefix.length)))];
}
