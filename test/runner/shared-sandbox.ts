/** Gives the tests on real servers one sandbox home and leaves nothing of it behind. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readState } from '../../sandbox/state.ts';
import { runStep } from './step.ts';

/**
 * Sets `ZONEWRIGHT_SANDBOX_HOME` to a folder of this run while `body` runs; the first test that asks for the
 * sandbox brings it up there. Afterwards the sandbox is taken down and the folder removed. A home that the caller
 * has set is used as it is and stays up, so that a sandbox can be kept between runs.
 */
export async function withSharedSandbox<T>(
  root: string,
  print: (text: string) => void,
  body: () => Promise<T>,
): Promise<T> {
  if (process.env['ZONEWRIGHT_SANDBOX_HOME'] !== undefined) return body();
  const home = `/var/lib/zonewright/test-${process.pid}`;
  process.env['ZONEWRIGHT_SANDBOX_HOME'] = home;
  try {
    return await body();
  } finally {
    await takeDown(root, home, print);
  }
}

async function takeDown(root: string, home: string, print: (text: string) => void): Promise<void> {
  if (readState(home) !== undefined) {
    const cli = join(root, 'clients/cli/main.ts');
    await runStep({
      name: 'sandbox down',
      command: process.execPath,
      args: [cli, 'sandbox', 'down'],
      cwd: root,
      print,
    });
  }
  if (readState(home) === undefined) rmSync(home, { recursive: true, force: true });
}
