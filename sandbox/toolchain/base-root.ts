import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Parcel, Tool } from './tool.ts';

const SUITE = 'bookworm';
/** Without python3-cffi-backend cloud-init stays unconfigured. */
const PACKAGES = [
  'busybox-static',
  'ca-certificates',
  'cloud-init',
  'conntrack',
  'containerd',
  'containernetworking-plugins',
  'curl',
  'dbus',
  'dnsmasq-base',
  'ethtool',
  'haproxy',
  'iproute2',
  'iptables',
  'jq',
  'kmod',
  'less',
  'nftables',
  'openssl',
  'procps',
  'python3-cffi-backend',
  'runc',
  'socat',
  'systemd',
  'systemd-sysv',
  'udev',
];

const parcel: Parcel = {
  name: 'base-root',
  version: SUITE,
  downloads: [],
  ingredients: async () => PACKAGES,
  make: async (folder, kitchen) => {
    await kitchen.need('debian-packages');
    const args = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, join(folder, 'root.tar')];
    await kitchen.run('mmdebstrap', [...args, ...archives()], {
      message: `making a root of Debian ${SUITE}`,
    });
  },
};

/** The computer's own mirror where it runs the same Debian; mmdebstrap's default elsewhere. */
function archives(): string[] {
  const sources = '/etc/apt/sources.list.d/debian.sources';
  const same = readFileSync('/etc/os-release', 'utf8').includes(`VERSION_CODENAME=${SUITE}`);
  return same && existsSync(sources) ? [sources] : [];
}

/** A pristine root file system; apt verifies it by the archive's signature. */
export const baseRoot: Tool = {
  name: 'base-root',
  version: SUITE,
  source: { kind: 'parcel', parcel, file: 'root.tar' },
  install: `mmdebstrap --variant=minbase --include=${PACKAGES.join(',')} ${SUITE} root.tar`,
};
