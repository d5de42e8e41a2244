import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

const SCRIPT = join(import.meta.dirname, '../../.ci/run');

/** Runs `.ci/run` in a project whose check and test are these shell commands. */
function ci(t: TestContext, check: string, tests: string): { status: number | null; last: string } {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-ci-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(SCRIPT, join(folder, '.ci/run'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { check, test: tests } }));
  const { status, stdout } = spawnSync(join(folder, '.ci/run'), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, last: stdout.trimEnd().split('\n').at(-1) ?? '' };
}

test('check and test are summed in the last line', (t) => {
  const { status, last } = ci(t, "echo '3 passed, 0 failed'", "echo noise; echo '39 passed, 0 failed'");
  assert.equal(last, '42 passed, 0 failed');
  assert.equal(status, 0);
});

test('a failure in either fails', (t) => {
  const { status, last } = ci(t, "echo '3 passed, 1 failed'; exit 1", "echo '39 passed, 0 failed'");
  assert.equal(last, '42 passed, 1 failed');
  assert.notEqual(status, 0);
});

test('what ends without totals, or badly in spite of good ones, counts as failed', (t) => {
  const crashed = ci(t, "echo '3 passed, 0 failed'", 'exit 7');
  assert.equal(crashed.last, '3 passed, 1 failed');
  assert.notEqual(crashed.status, 0);
  const pretending = ci(t, "echo '3 passed, 0 failed'; exit 1", "echo '1 passed, 0 failed'");
  assert.equal(pretending.last, '4 passed, 1 failed');
  assert.notEqual(pretending.status, 0);
});

test('nothing passed is no success', (t) => {
  const { status } = ci(t, "echo '0 passed, 0 failed'", "echo '0 passed, 0 failed'");
  assert.notEqual(status, 0);
});
