import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { workflowBundle } from '../../workers/bundle.ts';
import { toyBundle } from '../workflows/toy-bundle.ts';
import { recordedHistories, type Recorded } from './histories.ts';
import { secretsIn } from './secrets.ts';

const recorded = recordedHistories();
const toys = recorded.filter(({ type }) => type.startsWith('Toy'));
const product = recorded.filter(({ type }) => !type.startsWith('Toy'));

before(() => {
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter, forward: {} } },
  });
});

/** What replaying each history ended with. */
async function replayed(
  workflowBundle: { readonly codePath: string },
  histories: readonly Recorded[],
): Promise<ReadonlyMap<string, Error | undefined>> {
  const errors = new Map<string, Error | undefined>();
  const names = new Map(histories.map(({ workflowId, name }) => [workflowId, name]));
  assert.equal(names.size, histories.length, 'each history is of another operation');
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    errors.set(names.get(workflowId) ?? workflowId, error);
  }
  return errors;
}

function assertReplayed(
  errors: ReadonlyMap<string, Error | undefined>,
  histories: readonly Recorded[],
): void {
  assert.deepEqual([...errors.keys()].toSorted(), histories.map(({ name }) => name).toSorted());
  const broken = [...errors].filter(([, error]) => error !== undefined);
  assert.deepEqual(
    broken,
    [],
    'operations that are open could not go on; patch the change, or record anew before a release',
  );
}

test('recorded toy operations replay: every way to end, and those in between', async () => {
  const ends = ['done', 'approved', 'rolled-back', 'kept', 'waited', 'machine-failed', 'paused-and-aborted'];
  assert.deepEqual(toys.map(({ name }) => name).toSorted(), ends.map((end) => `ToyZone-${end}`).toSorted());
  assertReplayed(await replayed(await toyBundle(), toys), toys);
});

test(
  'recorded operations of the product replay',
  { skip: product.length === 0 && 'none is recorded' },
  async () => {
    assertReplayed(await replayed(await workflowBundle(), product), product);
  },
);

test('a changed order of steps is noticed in every history that it could break', async () => {
  const errors = await replayed(await toyBundle('test/replay/toys-reordered.ts'), toys);
  assert.ok(errors.size > 0 && errors.size === toys.length);
  for (const [name, error] of errors)
    assert.ok(error instanceof DeterminismViolationError, `${name}: ${error}`);
});

test('no recorded history holds a secret', () => {
  assert.ok(recorded.length > 0);
  for (const { name, json } of recorded) assert.deepEqual(secretsIn(json), [], name);
});

test('a secret in a payload, a failure or a memo would be found', () => {
  const key = ['-----BEGIN', 'EC PRIVATE KEY-----\nMHcCAQEE'].join(' ');
  const access = ['AKIA', 'IOSFODNN7EXAMPLE'].join('');
  const token = ['abcdef', '0123456789abcdef'].join('.');
  const payload = (value: unknown) => ({ data: Buffer.from(JSON.stringify(value)).toString('base64') });
  const history = {
    events: [
      { activityTaskCompletedEventAttributes: { result: { payloads: [payload({ pem: key })] } } },
      { activityTaskFailedEventAttributes: { failure: { message: `InvalidAccessKeyId: ${access}` } } },
      {
        workflowPropertiesModifiedEventAttributes: {
          upsertedMemo: { fields: { explain: payload({ token }) } },
        },
      },
    ],
  };
  assert.deepEqual(secretsIn(history), [
    'private key at events.0.activityTaskCompletedEventAttributes.result.payloads.0.data',
    'AWS access key at events.1.activityTaskFailedEventAttributes.failure.message',
    'bootstrap token at events.2.workflowPropertiesModifiedEventAttributes.upsertedMemo.fields.explain.data',
  ]);
});

test('recorded histories say nothing about the computer that they were made on', () => {
  assert.ok(recorded.length > 0);
  for (const { name, json } of recorded) {
    assert.doesNotMatch(JSON.stringify(json), /"(?:stackTrace|identity)"|"name":"\d+@|file:\/\/\//, name);
  }
});
