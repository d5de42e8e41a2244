/** What it takes to add a kind of resource: what it is, how it is made and unmade, and a line. The rest follows. */
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker';
import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { storeChecks } from '../../activities/checks/store.ts';
import { sweepChecks } from '../../activities/checks/sweep.ts';
import { connect, type Clients } from '../../activities/cloud/clients.ts';
import { effectActivities } from '../../activities/effect.ts';
import { QUEUES } from '../../domain/operations.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from './harness/laboratory.ts';
import { VOLUME } from './toy-kind/volume.ts';
import { volumeEffect } from './toy-kind/volume-effect.ts';

const PACE = { consistencyWindowMs: 1_000, pollMs: 200, requestTimeoutMs: 3_000 };
const nothing = (): void => undefined;
const logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

suite('a kind of resource that is added', () => {
  let lab: Laboratory;
  let clients: Clients;
  let connection: NativeConnection;
  let workers: readonly Worker[] = [];
  let running: Promise<unknown> = Promise.resolve();

  before(async () => {
    lab = await openLaboratory();
    const { aws, store, temporal } = lab.context;
    clients = connect({ ...aws, requestTimeoutMs: PACE.requestTimeoutMs });
    const settings = { ...PACE, bucket: store.bucket };
    const effect = volumeEffect(clients);
    const workflowsPath = join(import.meta.dirname, 'toy-kind/workflow.ts');
    connection = await NativeConnection.connect({ address: temporal.address });
    const common = { connection, namespace: temporal.namespace };
    workers = await Promise.all([
      Worker.create({
        ...common,
        taskQueue: QUEUES.workflows,
        workflowBundle: await bundleWorkflowCode({ workflowsPath, logger }),
      }),
      Worker.create({
        ...common,
        taskQueue: QUEUES.aws,
        activities: {
          ...effectActivities(VOLUME, effect as never, settings),
          ...sweepChecks({ [VOLUME]: effect }, settings),
          ...storeChecks(clients, settings),
        },
      }),
    ]);
    running = Promise.all(workers.map((worker) => worker.run()));
  });
  after(async () => {
    for (const worker of workers) worker.shutdown();
    await running;
    await connection.close();
    for (const client of Object.values(clients)) (client as Clients['ec2']).destroy();
    await closeLaboratory(lab);
  });

  const start = (sizes: readonly number[]): Promise<WorkflowHandle> =>
    lab.temporal.workflow.start('MakeVolumes', {
      taskQueue: QUEUES.workflows,
      workflowId: `toy-${randomUUID()}`,
      args: [{ actor: 'harness', environment: 'dev', onFailure: 'roll-back', sizes }],
    });
  const volumesOf = async ({ workflowId }: WorkflowHandle) =>
    (await lab.front.inventory()).filter(({ kind, tags }) => {
      return kind === 'volume' && tags['zonewright:operation']?.startsWith(workflowId);
    });

  test('is made once, tagged and adopted, also when its answer is lost', async () => {
    await lab.front.fault([
      {
        match: { service: 'ec2', action: 'CreateVolume', times: 1 },
        effect: { kind: 'timeout-after', holdMs: 100 },
      },
    ]);
    const handle = await start([1, 2]);
    const ids = (await handle.result()) as string[];
    const made = await volumesOf(handle);
    assert.deepEqual(made.map(({ id }) => id).toSorted(), ids.toSorted());
    assert.deepEqual(made.map(({ tags }) => tags['zonewright:step'] ?? '').toSorted(), [
      'volume-0',
      'volume-1',
    ]);
    for (const { id } of made) await volumeEffect(clients).remove({ id }, undefined, context);
  });

  test('is undone, swept and named in the record when its operation fails', async () => {
    await lab.front.fault([
      {
        match: { service: 'ec2', action: 'CreateVolume', params: { Size: '7' } },
        effect: { kind: 'error', code: 'UnauthorizedOperation', status: 403 },
      },
    ]);
    const handle = await start([1, 7]);
    await assert.rejects(handle.result(), (error: Error) => {
      assert.match(
        (error.cause as Error).message,
        /create volume: UnauthorizedOperation.*everything was undone/,
      );
      return true;
    });
    assert.deepEqual(await volumesOf(handle), []);
  });

  const context = { signal: new AbortController().signal };
});
