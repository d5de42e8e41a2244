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
      variables: { 'github.com/temporalio/cli/temporalcli.Version': VERSION },
    }),
  },
  install: `go install ${PACKAGE}@v${VERSION}`,
};
