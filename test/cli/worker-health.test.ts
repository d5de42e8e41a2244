import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ToyOperations } from './toy-operations.ts';

const SCRIPT = join(import.meta.dirname, '../../clients/worker-health.ts');

let toys: ToyOperations;
before(async () => {
  toys = await ToyOperations.open();
});
after(() => toys.close());

function health(host: string, context = 'toy'): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...toys.env, ZONEWRIGHT_CONTEXT: context };
    const child = execFile(process.execPath, [SCRIPT, host], { env }, (_error, _stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stderr });
    });
  });
}

test('a queue that a worker of this computer polls is healthy; another is not', async () => {
  // The toys' worker hosts the queue of AWS activities only.
  const deadline = Date.now() + 20_000;
  while ((await health('aws')).code !== 0) assert.ok(Date.now() < deadline, 'never healthy');
  assert.equal((await health('pki')).code, 1);
});

test('an unknown queue and an unreachable server are named', async () => {
  const unknown = await health('nothing');
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /cannot check "nothing": expected one of workflows, aws, pki/);
  toys.writeContext('127.0.0.1:1', 'nobody');
  const unreachable = await health('aws', 'nobody');
  assert.equal(unreachable.code, 1);
  assert.match(unreachable.stderr, /Cannot reach Temporal at "127\.0\.0\.1:1"/);
});
