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

/** Programs that tests hold what was made up to, or run as machines do. */
const FOR_TESTS = ['curl', 'openssl', 'python3', 'systemd'];

/** What the computer itself needs to make machines and networks. */
export const debianPackages = packages('debian-packages', PACKAGES, '/usr/bin/systemd-nspawn');
export const testPackages = packages('test-packages', FOR_TESTS, '/usr/bin/curl');

function packages(name: string, names: readonly string[], file: string): Tool {
  return {
    name,
    version: 'installed',
    source: { kind: 'debian', packages: names, file },
    install: `apt-get install ${names.join(' ')}`,
  };
}
