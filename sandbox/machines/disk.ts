/** The disk of a machine: its own overlay layer, and a plain folder for containerd, which cannot live on an overlay. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../network/commands.ts';
import { MachineError } from './errors.ts';
import type { MachineSpec } from './model.ts';

const CONTAINERD = 'var/lib/containerd';

export interface Disk {
  readonly folder: string;
  /** Where the root is mounted, in the machine's own mount namespace only. */
  readonly root: string;
  readonly upper: string;
  readonly work: string;
  readonly containerd: string;
  readonly console: string;
  /** What is written down about the machine, for whoever has to clean up. */
  readonly record: string;
}

export const machinesFolder = (home: string): string => join(home, 'machines');

export function diskOf(home: string, instanceId: string): Disk {
  const folder = join(machinesFolder(home), instanceId);
  const at = (name: string): string => join(folder, name);
  return {
    folder,
    root: at('root'),
    upper: at('upper'),
    work: at('work'),
    containerd: at('containerd'),
    console: at('console.log'),
    record: at('machine.json'),
  };
}

/** Makes the disk's folders; at the first boot containerd gets what its image brings along. */
export async function prepareDisk(disk: Disk, spec: MachineSpec): Promise<void> {
  for (const layer of spec.layers) {
    if (existsSync(layer)) continue;
    throw new MachineError(`Cannot boot machine "${spec.instanceId}": expected layer "${layer}" to exist`);
  }
  for (const folder of [disk.root, disk.upper, disk.work]) await mkdir(folder, { recursive: true });
  if (existsSync(disk.containerd)) return;
  const source = uppermostContainerd(spec.layers);
  // Copied from the layer, not through an overlay, which would swallow the whiteouts of container images.
  if (source === undefined) await mkdir(disk.containerd, { mode: 0o711 });
  else await run('cp', ['-a', '--reflink=auto', source, disk.containerd]);
}

/** A captured layer holds all of containerd's content, so what lower ones hold does not count. */
function uppermostContainerd(layers: readonly string[]): string | undefined {
  return layers.map((layer) => join(layer, CONTAINERD)).find((folder) => existsSync(folder));
}

/** Options of the overlay mount. Features that make a layer depend on those below it by more than names stay off. */
export function overlayOptions(disk: Disk, layers: readonly string[]): string {
  return `lowerdir=${layers.join(':')},upperdir=${disk.upper},workdir=${disk.work},index=off,metacopy=off,redirect_dir=off`;
}

/** Turns the disk's own layer into `folder` by renaming; containerd's content goes along as a whole. */
export async function captureDisk(disk: Disk, folder: string): Promise<void> {
  if (existsSync(folder)) throw new MachineError(`Cannot capture into "${folder}": expected it not to exist`);
  if (!existsSync(disk.upper))
    throw new MachineError(`Cannot capture "${disk.folder}": expected a machine that was booted`);
  const own = join(disk.upper, CONTAINERD);
  if (existsSync(disk.containerd)) {
    await mkdir(dirname(own), { recursive: true });
    await rm(own, { recursive: true, force: true });
    await rename(disk.containerd, own);
  }
  await mkdir(dirname(folder), { recursive: true });
  await rename(disk.upper, folder);
  await rm(disk.work, { recursive: true, force: true });
}
