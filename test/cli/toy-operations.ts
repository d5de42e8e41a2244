/** A Temporal server with toy operations and a person whose context points to it. */
import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../domain/operations.ts';
import { kinds } from '../../domain/resources/index.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { toyBundle } from '../workflows/toy-bundle.ts';
import { ToyCloud } from '../workflows/toy-cloud.ts';
import type { ToyInput } from '../workflows/toys.ts';

export interface ToyRun {
  readonly id: string;
  readonly handle: WorkflowHandle;
  readonly cloud: ToyCloud;
}

export class ToyOperations {
  readonly #env: TestWorkflowEnvironment;
  readonly #folder = mkdtempSync(join(tmpdir(), 'zonewright-cli-op-'));
  readonly #clouds = new Map<string, ToyCloud>();
  #worker: { readonly worker: Worker; readonly ended: Promise<void> } | undefined;

  private constructor(env: TestWorkflowEnvironment) {
    this.#env = env;
    const contexts = join(this.#folder, 'contexts');
    mkdirSync(contexts);
    const context = {
      temporal: { address: env.address, namespace: env.namespace ?? 'default' },
      aws: { region: 'us-east-1' },
      store: { bucket: 'toy-store' },
      environment: { name: 'toy', domain: 'toy.example.com' },
    };
    writeFileSync(join(contexts, 'toy.yaml'), stringify(context));
  }

  static async open(): Promise<ToyOperations> {
    const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter } } });
    const path = await obtain('temporal');
    const names = Object.values(SEARCH_ATTRIBUTES);
    const extraArgs = names.flatMap((name) => ['--search-attribute', `${name}=Keyword`]);
    const server = { executable: { type: 'existing-path' as const, path }, extraArgs };
    const toys = new ToyOperations(await TestWorkflowEnvironment.createLocal({ server }));
    await toys.startWorker();
    return toys;
  }

  /** Environment of a person who uses these operations. */
  get env(): Record<string, string> {
    const sandbox = join(this.#folder, 'no-sandbox');
    return {
      ZONEWRIGHT_HOME: this.#folder,
      ZONEWRIGHT_CONTEXT: 'toy',
      ZONEWRIGHT_SANDBOX_HOME: sandbox,
      ZONEWRIGHT_ACTOR: 'carol@example.com',
    };
  }

  async start(
    id: string,
    input: Partial<ToyInput> = {},
    prepare?: (cloud: ToyCloud) => void,
  ): Promise<ToyRun> {
    const cloud = new ToyCloud();
    prepare?.(cloud);
    this.#clouds.set(id, cloud);
    const args = [{ actor: 'alice', environment: 'toy', ...input }];
    const options = { taskQueue: QUEUES.aws, workflowId: id, args };
    return { id, cloud, handle: await this.#env.client.workflow.start('ToyZone', options) };
  }

  async startWorker(): Promise<void> {
    const worker = await Worker.create({
      connection: this.#env.nativeConnection,
      taskQueue: QUEUES.aws,
      workflowBundle: await toyBundle(),
      activities: this.#activities(),
      maxHeartbeatThrottleInterval: '50 milliseconds',
    });
    this.#worker = { worker, ended: worker.run() };
  }

  async stopWorker(): Promise<void> {
    this.#worker?.worker.shutdown();
    await this.#worker?.ended;
    this.#worker = undefined;
  }

  async close(): Promise<void> {
    await this.stopWorker();
    await this.#env.teardown();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #activities(): Record<string, (input: unknown) => Promise<unknown>> {
    const verbs = kinds.flatMap((kind) => [`${kind}.create`, `${kind}.delete`, `${kind}.ready`]);
    const names = [...verbs, 'sweep', 'record.write', 'toy.look', 'toy.settled'];
    return Object.fromEntries(
      names.map((name) => [
        name,
        (input: unknown): Promise<unknown> => {
          const cloud = this.#clouds.get(Context.current().info.workflowExecution?.workflowId ?? '');
          return cloud
            ? cloud.perform(name, input)
            : Promise.reject(new Error('Nobody started this operation'));
        },
      ]),
    );
  }
}
