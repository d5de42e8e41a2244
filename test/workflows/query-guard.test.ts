import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { toyBundle } from './toy-bundle.ts';
import { endSignal, stopSignal, tellSignal, toldQuery, type ToyListener } from './toys-listener.ts';

const TASK_FAILED = 9;
const ENTRY = 'test/workflows/toys-listener.ts';
const program = join(import.meta.dirname, 'toy-worker-process.ts');
const workers = new Set<ChildProcess>();
/** What lets the first activity of each toy end. */
const releases = new Map<string, () => void>();
let env: TestWorkflowEnvironment;
let notes: Worker;
let running: Promise<void>;

const hold = (): Promise<void> =>
  new Promise((resolve) => releases.set(Context.current().info.workflowExecution?.workflowId ?? '', resolve));
const noted = (): Promise<void> => Promise.resolve();

before(async () => {
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter, forward: {} } },
  });
  const path = await obtain('temporal');
  env = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path } },
  });
  const activities = { hold, told: noted, untold: noted };
  notes = await Worker.create({ connection: env.nativeConnection, taskQueue: 'notes', activities });
  running = notes.run();
});
after(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  for (const release of releases.values()) release();
  notes.shutdown();
  await running;
  await env.teardown();
});

async function startWorker(queue: string, codePath: string): Promise<ChildProcess> {
  const worker = spawn(process.execPath, [program, env.address, queue, codePath], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  workers.add(worker);
  await once(worker.stdout as NodeJS.ReadableStream, 'data');
  return worker;
}

async function kill(worker: ChildProcess): Promise<void> {
  worker.kill('SIGKILL');
  await once(worker, 'exit');
}

async function until(seen: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await seen())) {
    assert.ok(Date.now() < deadline, 'never so');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const eventsOf = async (handle: WorkflowHandle) => (await handle.fetchHistory()).events ?? [];
const activitiesOf = async (handle: WorkflowHandle) =>
  (await eventsOf(handle)).flatMap(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
  );

/**
 * A worker is killed; somebody asks a toy, whose activity then ends. The next worker answers, the toy is told, and the
 * task of the activity's end comes last, since it lies in the queue of the worker that was killed.
 */
async function askedBetweenWorkers(queue: string, codePath: string): Promise<WorkflowHandle> {
  const first = await startWorker(queue, codePath);
  const handle = await env.client.workflow.start<typeof ToyListener>('ToyListener', {
    taskQueue: queue,
    workflowId: queue,
  });
  await until(() => releases.has(queue));
  await kill(first);
  const answer = handle.query(toldQuery);
  await new Promise((resolve) => setTimeout(resolve, 500)); // the query is on its way before the activity ends
  releases.get(queue)?.();
  await startWorker(queue, codePath);
  assert.equal(await answer, false);
  await handle.signal(tellSignal);
  await until(async () => (await activitiesOf(handle)).length === 2);
  return handle;
}

async function replayed(handle: WorkflowHandle, codePath: string): Promise<Error | undefined> {
  const histories = [{ workflowId: handle.workflowId, history: await handle.fetchHistory() }];
  for await (const { error } of Worker.runReplayHistories({ workflowBundle: { codePath } }, histories))
    return error;
  return assert.fail('nothing was replayed');
}

test('an operation that was asked between two workers does what its history says', async () => {
  const { codePath } = await toyBundle(ENTRY);
  const handle = await askedBetweenWorkers('guarded', codePath);
  assert.deepEqual(await activitiesOf(handle), ['hold', 'told']);
  await handle.signal(endSignal);
  await handle.result();
  assert.equal(await replayed(handle, codePath), undefined);
  const failed = (await eventsOf(handle)).filter(({ eventType }) => eventType === TASK_FAILED);
  const messages = failed.map((event) => event.workflowTaskFailedEventAttributes?.failure?.message);
  assert.deepEqual(messages, [
    'A query had brought this state ahead of its history; replayed in the next task',
  ]);
});

test('without the guard it could not go on; when this fails, the SDK needs the guard no more', async () => {
  const { codePath } = await toyBundle(ENTRY, []);
  const handle = await askedBetweenWorkers('unguarded', codePath);
  assert.deepEqual(await activitiesOf(handle), ['hold', 'untold']);
  assert.ok((await replayed(handle, codePath)) instanceof DeterminismViolationError);
});

test('queries to a worker that has the operation in memory fail no task', async () => {
  const { codePath } = await toyBundle(ENTRY);
  await startWorker('asked', codePath);
  for (const [workflowId, end] of [
    ['asked', () => releases.get('asked')?.()],
    ['stopped', (handle: WorkflowHandle) => handle.signal(stopSignal)],
  ] as const) {
    const handle = await env.client.workflow.start('ToyListener', { taskQueue: 'asked', workflowId });
    const ask = async () => assert.equal(await handle.query(toldQuery), false);
    await until(() => releases.has(workflowId));
    await ask();
    await end(handle);
    for (let asked = 0; asked < 5; asked++) await ask();
    await handle.signal(endSignal);
    await handle.result();
    assert.deepEqual(await activitiesOf(handle), ['hold', 'untold']);
    assert.ok((await eventsOf(handle)).every(({ eventType }) => eventType !== TASK_FAILED));
  }
});
