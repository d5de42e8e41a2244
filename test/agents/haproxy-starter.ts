import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unpackHaproxy } from './haproxy.ts';

/** The machines' HAProxy as one program: its master starts itself anew by the name it was called by. */
export async function haproxyProgram(folder: string): Promise<string> {
  const [loader, ...rest] = await unpackHaproxy(folder);
  const path = join(folder, 'haproxy');
  writeFileSync(path, `#!/bin/sh\nexec ${loader} --argv0 "$0" ${rest.join(' ')} "$@"\n`, { mode: 0o755 });
  return path;
}
