import { goParcel } from './go-module.ts';
import type { Tool } from './tool.ts';

/** Newer tags have local replaces in their go.mod. Brings server 1.29.1 and UI 2.42.1. */
const VERSION = '1.5.1';
const PACKAGE = 'github.com/temporalio/cli/cmd/temporal';

export const temporal: Tool = {
  name: 'temporal',
  version: VERSION,
  onPath: {
    command: 'temporal',
    args: ['--version'],
    pattern: /^temporal version (\S+)/m,
    accepts: (version) => version === VERSION,
  },
  source: {
    kind: 'parcel',
    file: 'temporal',
    parcel: goParcel({
      name: 'temporal',
      version: VERSION,
      binaries: { temporal: PACKAGE },
      downloads: [
        {
          url: `https://github.com/temporalio/cli/releases/download/v${VERSION}/temporal_cli_${VERSION}_linux_amd64.tar.gz`,
          // As package managers that work independently of each other pin this release.
          sha256: 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
          to: { members: { temporal: 'temporal' } },
        },
      ],
      variables: { 'github.com/temporalio/cli/temporalcli.Version': VERSION },
    }),
  },
  install: `go install ${PACKAGE}@v${VERSION}`,
};
