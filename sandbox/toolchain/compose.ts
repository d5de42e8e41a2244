import { goParcel } from './go-module.ts';
import type { Tool } from './tool.ts';

const VERSION = '2.16.2';
const PACKAGE = 'github.com/compose-spec/compose-go/v2/cmd';

/** What Docker Compose reads its files with: says whether a file is one, and what it means. */
export const composeSpec: Tool = {
  name: 'compose-spec',
  version: VERSION,
  source: {
    kind: 'parcel',
    file: 'compose-spec',
    parcel: goParcel({ name: 'compose-spec', version: VERSION, binaries: { 'compose-spec': PACKAGE } }),
  },
  install: `go install ${PACKAGE}@v${VERSION}`,
};
