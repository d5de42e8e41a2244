/** Brings the account back to nothing but images and records, whatever a test that failed has left. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { connect } from '../../../activities/cloud/clients.ts';
import { createActivities } from '../../../activities/index.ts';
import { withAws } from '../../../clients/aws.ts';
import { listManifests } from '../../../clients/zones/manifests.ts';
import type { Laboratory } from './laboratory.ts';
import { runPhase } from './run.ts';
import { clearImages, destruction } from './scenarios.ts';

/** Needs a worker that serves. */
export async function restore(lab: Laboratory): Promise<void> {
  await lab.front.clearFaults();
  await terminateAll(lab);
  const { bucket } = lab.context.store;
  const manifests = await withAws(lab.context, (aws) => listManifests(aws, bucket));
  const there = manifests.filter(({ state }) => state !== 'destroyed');
  const ends = there.map(({ zone }) => destruction(lab, zone, `restore-${zone}-${Date.now()}`));
  await runPhase(lab, await Promise.all(ends), []);
  await clearImages(lab);
  await sweepAll(lab);
}

async function terminateAll({ temporal }: Laboratory): Promise<void> {
  for await (const { workflowId } of temporal.workflow.list({ query: "ExecutionStatus = 'Running'" }))
    await temporal.workflow.getHandle(workflowId).terminate('left by a test that failed');
}

/** Deletes what bears the tags of any operation, but images. */
async function sweepAll({ context, front }: Laboratory): Promise<void> {
  const items = await front.inventory();
  const left = items.filter(({ kind }) => kind !== 'image' && kind !== 'snapshot');
  const operations = new Set(left.flatMap(({ tags }) => tags['zonewright:operation'] ?? []));
  if (operations.size === 0) return;
  const clients = connect({ ...context.aws, requestTimeoutMs: 10_000 });
  const pace = { consistencyWindowMs: 0, pollMs: 500, requestTimeoutMs: 10_000 };
  const { sweep } = createActivities(clients, { ...pace, bucket: context.store.bucket });
  const kept = items.filter(({ kind }) => kind === 'image').map(({ id }) => id);
  try {
    for (const operation of operations)
      await new MockActivityEnvironment().run(() => sweep({ scope: { operation }, kept, remove: true }));
  } finally {
    for (const client of Object.values(clients)) client.destroy();
  }
}
