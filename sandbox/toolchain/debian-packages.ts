import type { Tool } from './tool.ts';

const PACKAGES = [
  'e2fsprogs',
  'iproute2',
  'kmod',
  'mmdebstrap',
  'nftables',
  'procps',
  'systemd-container',
  'util-linux',
];

/** What the computer itself needs to make machines and networks. */
export const debianPackages: Tool = {
  name: 'debian-packages',
  version: 'installed',
  source: { kind: 'debian', packages: PACKAGES, file: '/usr/bin/systemd-nspawn' },
  install: `apt-get install ${PACKAGES.join(' ')}`,
};
