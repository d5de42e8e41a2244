/** Starts a machine: a systemd container that finds its network ready and its image below its root. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { overlayOptions } from './disk.ts';
import type { Disk } from './disk.ts';
import type { MachineSpec } from './model.ts';

/**
 * $1: the machine's cgroups, one per line; $2, $3: options and place of the root's mount; then nspawn's arguments.
 * The root is mounted in a mount namespace of the machine's own, so that it goes with its processes however they end.
 */
const LAUNCH = `set -e
printf '%s\\n' "$1" | while read -r group; do [ -z "$group" ] || echo $$ >"$group/cgroup.procs"; done
shift
exec unshare --mount --propagation private sh -ec 'mount -t overlay overlay -o "$1" "$2"; shift 2; exec systemd-nspawn "$@"' sh "$@"`;

/** Exit status of nspawn when the machine asked to be booted again. */
export const REBOOT_STATUS = 133;

export function launch(
  spec: MachineSpec,
  disk: Disk,
  cgroups: readonly string[],
  namespace: string,
): ChildProcess {
  const log = openSync(disk.console, 'w', 0o600);
  try {
    const args = [
      cgroups.join('\n'),
      overlayOptions(disk, spec.layers),
      disk.root,
      ...nspawnArguments(spec, disk, namespace),
    ];
    return spawn('sh', ['-c', LAUNCH, 'sh', ...args], {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], SYSTEMD_NSPAWN_API_VFS_WRITABLE: '1' },
      // A session of its own: Ctrl-C at the owner's terminal is for the owner to handle.
      detached: true,
    });
  } finally {
    closeSync(log);
  }
}

function nspawnArguments(spec: MachineSpec, disk: Disk, namespace: string): readonly string[] {
  return [
    '--quiet',
    `--directory=${disk.root}`,
    `--machine=${spec.instanceId}`,
    `--uuid=${machineUuid(spec.instanceId)}`,
    `--hostname=${spec.hostname}`,
    `--network-namespace-path=${namespace}`,
    `--bind=${disk.containerd}:/var/lib/containerd`,
    '--bind=/dev/kmsg',
    '--register=no',
    '--keep-unit',
    '--boot',
    '--capability=all',
    '--system-call-filter=@known',
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
    '--console=read-only',
  ];
}

/** What firmware would say: the same at every boot of an instance, another for each. systemd takes its machine id from it. */
function machineUuid(instanceId: string): string {
  return createHash('sha256').update(instanceId).digest('hex').slice(0, 32);
}
