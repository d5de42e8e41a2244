import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchJars, readJarList } from './maven.ts';
import type { Parcel, Tool } from './tool.ts';

const VERSION = '1.38.0';
const RELEASE = `https://github.com/temporalio/sdk-java/releases/download/v${VERSION}`;
const FOLDER = `temporal-test-server_${VERSION}_linux_amd64`;

const starter = (java: string): string => `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec ${java} -XX:TieredStopAtLevel=1 -Xmx512m -cp "$here/jars/*" io.temporal.testserver.TestServer "$@"
`;

const parcel: Parcel = {
  name: 'temporal-test-server',
  version: VERSION,
  downloads: [],
  ingredients: async () => [readJarList('temporal-test-server'), starter('')],
  make: async (folder, kitchen) => {
    const java = await kitchen.need('java');
    await fetchJars('temporal-test-server', join(folder, 'jars'), kitchen);
    const file = join(folder, 'temporal-test-server');
    writeFileSync(file, starter(java));
    chmodSync(file, 0o755);
  },
};

/** Temporal's time-skipping server, for workflow tests. */
export const temporalTestServer: Tool = {
  name: 'temporal-test-server',
  version: VERSION,
  source: { kind: 'parcel', parcel, file: 'temporal-test-server' },
  install: `curl -fL ${RELEASE}/${FOLDER}.tar.gz | tar -xz -C /opt && export ZONEWRIGHT_TEMPORAL_TEST_SERVER=/opt/${FOLDER}/temporal-test-server`,
};
