import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { raiseKernelLimits } from '../../sandbox/kernel-limits.ts';

test('a limit is raised, never lowered, and left alone where it cannot be', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-limits-'));
  try {
    raiseKernelLimits(folder);
    const inotify = join(folder, 'fs/inotify');
    const limit = join(inotify, 'max_user_instances');
    mkdirSync(inotify, { recursive: true });
    for (const [there, then] of [
      ['128\n', '8192'],
      ['65536\n', '65536\n'],
    ] as const) {
      writeFileSync(limit, there);
      raiseKernelLimits(folder);
      assert.equal(readFileSync(limit, 'utf8'), then);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
