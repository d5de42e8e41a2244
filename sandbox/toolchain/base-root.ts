import { join } from 'node:path';
import { debootstrap, SUITE } from './mmdebstrap.ts';
import type { Parcel, Tool } from './tool.ts';

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
  make: (folder, kitchen) => debootstrap('minbase', PACKAGES, join(folder, 'root.tar'), kitchen),
};

/** A pristine root file system; apt verifies it by the archive's signature. */
export const baseRoot: Tool = {
  name: 'base-root',
  version: SUITE,
  source: { kind: 'parcel', parcel, file: 'root.tar' },
  install: `mmdebstrap --variant=minbase --include=${PACKAGES.join(',')} ${SUITE} root.tar`,
};
