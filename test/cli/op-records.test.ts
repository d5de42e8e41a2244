import assert from 'node:assert/strict';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { after, before, test } from 'node:test';
import { startCloud } from '../activities/emulator.ts';
import type { Cloud } from '../activities/emulator.ts';
import { ADMIN, REGION } from '../sandbox/aws-front.ts';
import { asked } from '../workflows/frame.ts';
import { zonewright } from './cli.ts';
import type { CliResult } from './cli.ts';
import { ToyOperations } from './toy-operations.ts';

const BUCKET = 'cli-op-records';

let cloud: Cloud;
let toys: ToyOperations;
before(async () => {
  [cloud, toys] = await Promise.all([startCloud(), ToyOperations.open()]);
  await cloud.bucket(BUCKET);
  toys.writeContext(undefined, 'toy', {
    aws: { region: REGION, endpoint: cloud.front.url },
    store: { bucket: BUCKET },
  });
});
after(async () => {
  await Promise.all([cloud.stop(), toys.close()]);
});

const op = (...args: string[]): Promise<CliResult> => {
  const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = ADMIN;
  return zonewright(['op', ...args], { env: { ...toys.env, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } });
};

/** Leaves a record as an operation does. */
async function leaveRecord(workflowId: string, run: string, outcome: string): Promise<void> {
  const operation = `${workflowId}.${run}`;
  const at = (second: number): string => `2030-01-01T00:00:0${second}.000Z`;
  const content = {
    operation,
    workflowId,
    type: 'ToyZone',
    input: { actor: 'alice', zone: 'zone03.toy' },
    startedAt: at(0),
    endedAt: at(9),
    outcome,
    error: 'no capacity',
    steps: [
      {
        step: 'vpc',
        summary: 'creating VPC',
        state: 'undone',
        startedAt: at(1),
        endedAt: at(3),
        made: 'vpc-1',
      },
    ],
  };
  const Key = `operations/${operation}/1.json`;
  await cloud.clients.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: JSON.stringify(content) }));
}

test('an operation that Temporal has forgotten is shown and listed from its record', async () => {
  await leaveRecord('make-zone03', 'aaaaaaaa', 'rolled back');
  const { code, stdout, stderr } = await op('show', 'make-zone03');
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^make-zone03 {2}ToyZone {2}rolled back {2}9\.0 s\n− vpc {2}creating VPC {2}2\.0 s {2}vpc-1$/m,
  );
  assert.match(stdout, /^from its record: Temporal does not know it any more\nerror: no capacity$/m);
  assert.match((await op('list', '--all')).stdout, /^make-zone03 +ToyZone +zone03\.toy +rolled back +alice/m);
});

test('one that was terminated is shown from its record while no worker answers', async () => {
  const run = await toys.start({ approval: true });
  await asked(run);
  const { runId } = await run.handle.describe();
  await leaveRecord(run.id, runId.slice(-8), 'terminated');
  await run.handle.terminate('enough');
  await toys.stopWorker();
  try {
    const { code, stdout, stderr } = await op('show', run.id);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^from its record: no worker answers$/m);
    const [listed, ...twice] = (await op('list', '--all')).stdout
      .split('\n')
      .filter((line) => line.includes(run.id));
    assert.match(listed ?? '', /terminated/);
    assert.deepEqual(twice, []);
  } finally {
    await toys.startWorker();
  }
});
