import { Context } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import type { Explanation, Progress, StepView } from '../../domain/explain.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../domain/operations.ts';
import { kinds } from '../../domain/resources/index.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { toyBundle } from './toy-bundle.ts';
import { ToyCloud } from './toy-cloud.ts';
import type { ToyInput } from './toys.ts';

const KEYWORD = 2;
const PATIENCE_MS = 10_000;

/** A toy operation under test. */
export interface Run {
  readonly handle: WorkflowHandle;
  readonly cloud: ToyCloud;
  readonly workflowId: string;
}

/** The failure that an operation ended with. */
export async function failureOf({ handle }: Run): Promise<ApplicationFailure> {
  const error = await handle.result().then(
    (result) => assert.fail(`expected a failure, got ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowFailedError, String(error));
  assert.ok(error.cause instanceof ApplicationFailure, String(error.cause));
  return error.cause;
}

/** How long an operation that has ended took by its record, in the server's skipped time. */
export function tookMs({ cloud }: Run): number {
  const { startedAt, endedAt } = cloud.records[0]?.content ?? {};
  return Date.parse(String(endedAt)) - Date.parse(String(startedAt));
}

/** What a refused control answers. */
export async function refusal(update: Promise<unknown>): Promise<string> {
  const error = await update.then(
    (answer) => assert.fail(`expected a refusal, got ${JSON.stringify(answer)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowUpdateFailedError, String(error));
  assert.equal((error.cause as ApplicationFailure).type, 'Declined');
  return error.cause?.message ?? '';
}

export const explain = ({ handle }: Run): Promise<Explanation> => handle.query<Explanation>('explain');
export const progress = ({ handle }: Run): Promise<Progress> => handle.query<Progress>('progress');

export const control = ({ handle }: Run, name: string, args: object = {}): Promise<string> =>
  handle.executeUpdate<string, [object]>(name, { args: [{ actor: 'bob', reason: 'because', ...args }] });

/** Steps that an operation asked to be made, also those that it took back before a worker began them. */
export async function askedFor({ handle }: Run): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
    if (scheduled?.activityType?.name?.endsWith('.create') !== true) return [];
    const { data } = scheduled.input?.payloads?.[0] ?? {};
    const { owner } = JSON.parse(Buffer.from(data ?? []).toString()) as { owner: { step: string } };
    return [owner.step];
  });
}

/** Looks again and again until it is as wanted. */
export async function eventually<T>(look: () => T | Promise<T>, wanted: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (wanted(seen)) return seen;
    if (Date.now() > deadline) assert.fail(`never as wanted, last: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const explained = (run: Run, wanted: (explanation: Explanation) => boolean): Promise<Explanation> =>
  eventually(() => explain(run), wanted);

export const untilStep = (run: Run, step: string, state: StepView['state']): Promise<Progress> =>
  eventually(
    () => progress(run),
    ({ steps }) => steps.some((view) => view.step === step && view.state === state),
  );

export const asked = async (run: Run): Promise<NonNullable<Explanation['question']>> => {
  const { question } = await explained(run, (explanation) => explanation.question !== undefined);
  assert.ok(question);
  return question;
};

/** A server in skipped time and a worker with toy operations and toy clouds; one for each test file. */
export class Frame {
  readonly env: TestWorkflowEnvironment;
  readonly #clouds = new Map<string, ToyCloud>();
  #stopWorker: () => Promise<void> = () => Promise.resolve();
  #runs = 0;

  constructor(env: TestWorkflowEnvironment) {
    this.env = env;
  }

  /** Time is skipped while a result is awaited. */
  static async open(): Promise<Frame> {
    quieten();
    const path = await obtain('temporal-test-server');
    const env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: existing(path) } });
    const searchAttributes = Object.fromEntries(
      Object.values(SEARCH_ATTRIBUTES).map((name) => [name, KEYWORD]),
    );
    await env.connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes });
    return new Frame(env).#ready();
  }

  /**
   * The real server, for what the one in skipped time gets wrong: an update that cancels several activities, a
   * worker that goes away, lists.
   */
  static async openReal(): Promise<Frame> {
    quieten();
    const executable = existing(await obtain('temporal'));
    const extraArgs = Object.values(SEARCH_ATTRIBUTES).flatMap((name) => [
      '--search-attribute',
      `${name}=Keyword`,
    ]);
    const env = await TestWorkflowEnvironment.createLocal({ server: { executable, extraArgs } });
    return new Frame(env).#ready();
  }

  async #ready(): Promise<this> {
    await this.startWorker();
    return this;
  }

  async close(): Promise<void> {
    await this.#stopWorker();
    await this.env.teardown();
  }

  /** Workflows and activities share one queue here, so that one worker hosts both. */
  async startWorker(entry?: string): Promise<void> {
    const worker = await Worker.create({
      connection: this.env.nativeConnection,
      taskQueue: QUEUES.aws,
      workflowBundle: await toyBundle(entry),
      activities: this.#activities(),
      maxHeartbeatThrottleInterval: '50 milliseconds',
    });
    const running = worker.run();
    this.#stopWorker = async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
    };
  }

  stopWorker(): Promise<void> {
    return this.#stopWorker();
  }

  /** Starts a toy operation; `prepare` gives orders to its cloud beforehand. */
  async start(
    type: string,
    input: Partial<ToyInput> = {},
    prepare?: (cloud: ToyCloud) => void,
  ): Promise<Run> {
    return this.startRaw(type, { actor: 'alice', environment: 'test', ...input }, prepare);
  }

  async startRaw(type: string, input: unknown, prepare?: (cloud: ToyCloud) => void): Promise<Run> {
    const workflowId = `${type}-${++this.#runs}`;
    const cloud = this.cloudFor(workflowId, prepare);
    const options = { taskQueue: QUEUES.aws, workflowId, args: [input] };
    const handle = await this.env.client.workflow.start(type, options);
    setImmediate(() => cloud.open()); // after what the test orders in the same breath
    return { handle, cloud, workflowId };
  }

  /** The cloud of an operation that somebody else starts. */
  cloudFor(workflowId: string, prepare?: (cloud: ToyCloud) => void): ToyCloud {
    const cloud = new ToyCloud(() => this.env.currentTimeMs());
    if (!this.env.supportsTimeSkipping) cloud.sweepAgainMs = 20;
    prepare?.(cloud);
    this.#clouds.set(workflowId, cloud);
    return cloud;
  }

  #activities(): Record<string, (input: unknown) => Promise<unknown>> {
    const verbs = kinds.flatMap((kind) => [`${kind}.create`, `${kind}.delete`, `${kind}.ready`]);
    const names = [...verbs, 'sweep', 'record.write', 'toy.look', 'toy.settled'];
    return Object.fromEntries(names.map((name) => [name, (input: unknown) => this.#perform(name, input)]));
  }

  #perform(activity: string, input: unknown): Promise<unknown> {
    const { workflowExecution } = Context.current().info;
    const cloud = this.#clouds.get(workflowExecution?.workflowId ?? '');
    if (!cloud) throw ApplicationFailure.nonRetryable('Nobody started this operation');
    return cloud.perform(activity, input);
  }
}

const existing = (path: string) => ({ type: 'existing-path' as const, path });

function quieten(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
  });
}
