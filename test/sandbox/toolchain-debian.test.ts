import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installPackages, missingPackages } from '../../sandbox/toolchain/debian.ts';
import type { Kitchen } from '../../sandbox/toolchain/tool.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'debian-'));
  process.env['ZONEWRIGHT_CACHE'] = folder;
});
afterEach(() => {
  delete process.env['ZONEWRIGHT_CACHE'];
  rmSync(folder, { recursive: true });
});

/** Notes what apt is asked for instead of asking it; `answer` may fail. */
function recorder(answer: (args: readonly string[]) => void = () => {}) {
  const asked: string[] = [];
  let running = 0;
  let together = 0;
  const kitchen: Kitchen = {
    signal: undefined,
    say: () => {},
    need: () => Promise.reject(new Error('nothing is needed')),
    run: async (command, args) => {
      asked.push(`${command} ${args[0]} ${args.at(-1)}`);
      together = Math.max(together, ++running);
      await sleep(30);
      running -= 1;
      answer(args);
      return '';
    },
  };
  return { kitchen, asked, together: () => together };
}

test('packages that are there are not asked for, others are named', async () => {
  const { kitchen, asked } = recorder();
  assert.deepEqual(await missingPackages(['bash', 'zonewright-none', 'coreutils']), ['zonewright-none']);
  await installPackages(['bash', 'coreutils'], kitchen);
  assert.deepEqual(asked, []);
});

test('lists are read when an installation fails, and it is tried once more', async () => {
  let failures = 1;
  const { kitchen, asked } = recorder(([verb]) => {
    if (verb === 'install' && failures-- > 0) throw new Error('Unable to locate package');
  });
  await installPackages(['zonewright-none'], kitchen);
  const install = 'apt-get install zonewright-none';
  assert.deepEqual([asked[0], asked[1]?.slice(0, 14), asked[2]], [install, 'apt-get update', install]);
});

test('installations at once follow each other, because apt does not wait for its own lists', async () => {
  const { kitchen, asked, together } = recorder();
  await Promise.all(['one', 'two', 'three'].map((name) => installPackages([`zonewright-${name}`], kitchen)));
  assert.equal(asked.length, 3);
  assert.equal(together(), 1);
});
