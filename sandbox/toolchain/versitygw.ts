import { goParcel } from './go-module.ts';
import type { Tool } from './tool.ts';

const VERSION = '1.8.0';
const PACKAGE = 'github.com/versity/versitygw/cmd/versitygw';

/** The S3 server: objects on disk. */
export const versitygw: Tool = {
  name: 'versitygw',
  version: VERSION,
  onPath: {
    command: 'versitygw',
    args: ['--version'],
    pattern: /^Version\s*:\s*v?(\S+)/m,
    accepts: (version) => version === VERSION,
  },
  source: {
    kind: 'parcel',
    file: 'versitygw',
    parcel: goParcel({
      name: 'versitygw',
      version: VERSION,
      binaries: { versitygw: PACKAGE },
      variables: { 'main.Version': `v${VERSION}` },
    }),
  },
  install: `go install ${PACKAGE}@v${VERSION}`,
};
