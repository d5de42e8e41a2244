import { goParcel } from './go-module.ts';
import type { Tool } from './tool.ts';

const VERSION = '1.15.0';
const PACKAGE = 'github.com/coredns/coredns';

/** The name server of the sandbox's hosted zones. */
export const coredns: Tool = {
  name: 'coredns',
  version: VERSION,
  onPath: {
    command: 'coredns',
    args: ['-version'],
    pattern: /^CoreDNS-(\S+)/m,
    accepts: (version) => version === VERSION,
  },
  source: {
    kind: 'parcel',
    file: 'coredns',
    parcel: goParcel({ name: 'coredns', version: VERSION, binaries: { coredns: PACKAGE } }),
  },
  install: `go install ${PACKAGE}@v${VERSION}`,
};
