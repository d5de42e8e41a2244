/** What of a sandbox is left on the computer, asked of the kernel and not of the sandbox's own records. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { instancesWithCgroups } from './machines/cgroups.ts';
import { machinesFolder } from './machines/disk.ts';
import { managersOf, processesRootedBelow } from './machines/processes.ts';
import { namespacesOf } from './network/destroy.ts';
import { computerLink } from './network/names.ts';
import { markedProcesses } from './processes.ts';

export interface SandboxTraces {
  readonly home: string;
  /** Absent when the sandbox never got one. */
  readonly index: number | undefined;
  /** Instances that it had, whose cgroups carry their ids. */
  readonly instances: readonly string[];
}

/** One line for each thing that is left; empty when there is nothing. */
export async function findLeftovers({ home, index, instances }: SandboxTraces): Promise<string[]> {
  const cgroups = instancesWithCgroups().filter((id) => instances.includes(id));
  return [
    ...processesOf(home).map((pid) => `process ${pid}`),
    ...mountsBelow(home).map((point) => `mount ${point}`),
    ...loopDevicesBelow(home).map((device) => `loop device ${device}`),
    ...cgroups.map((id) => `cgroup zonewright-${id}`),
    ...(index === undefined ? [] : await networkLeftovers(index)),
  ];
}

/** Its own processes carry its mark; what runs in its machines has an environment of its own, but its disk for a root. */
function processesOf(home: string): number[] {
  const machines = machinesFolder(home);
  const marked = markedProcesses(home).map(({ pid }) => pid);
  return [...new Set([...marked, ...managersOf(machines), ...processesRootedBelow(machines)])];
}

async function networkLeftovers(index: number): Promise<string[]> {
  const link = computerLink(index);
  const namespaces = await namespacesOf(index);
  return [
    ...namespaces.map((name) => `network namespace ${name}`),
    ...(existsSync(`/sys/class/net/${link}`) ? [`link ${link}`] : []),
  ];
}

/** Mount points strictly below a folder. */
function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescapeMount(line.split(' ')[4] ?? ''))
    .filter((point) => point.startsWith(`${folder}/`));
}

/** The kernel writes blanks in paths as `\040`. */
const unescapeMount = (path: string): string =>
  path.replace(/\\(\d{3})/g, (_match, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Loop devices whose file lies below a folder. */
export function loopDevicesBelow(folder: string): string[] {
  if (!existsSync('/sys/block')) return [];
  return readdirSync('/sys/block').filter((device) => {
    const backing = join('/sys/block', device, 'loop/backing_file');
    return existsSync(backing) && readFileSync(backing, 'utf8').startsWith(`${folder}/`);
  });
}
