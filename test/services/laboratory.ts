/** The real workflows and the real activities on services, in a zone that is a model of one. */
import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { activitiesOf } from '../../activities/activities-of.ts';
import { serviceChecks } from '../../activities/checks/services.ts';
import { disruptionBudgetEffect } from '../../activities/disruption-budget.ts';
import { serviceDefinitionEffect } from '../../activities/service-definition.ts';
import { serviceGenerationEffect } from '../../activities/service-generation.ts';
import { serviceShrinkEffect } from '../../activities/service-shrink.ts';
import { serviceWithdrawalEffect } from '../../activities/service-withdrawal.ts';
import type { AdmissionRequest } from '../../domain/keeper/leases.ts';
import { KEEPER_MESSAGES, type Answer } from '../../domain/keeper/messages.ts';
import { QUEUES, SEARCH_ATTRIBUTES, zoneQueue, type OperationType } from '../../domain/operations.ts';
import type { ServicesGround } from '../../domain/services/ground.ts';
import type { RecordedService } from '../../domain/services/record.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import { startControlPlane, type ControlPlane } from '../activities/control-plane.ts';
import { ModelZone } from './model.ts';

export const ZONE = 'zone03';
type AnyActivity = (input: never) => Promise<unknown>;

/** Services of the model are rolled side by side, so its keeper lets everybody in. */
const FENCE = { zone: ZONE, epoch: 1, number: 1, operation: 'all' };

const keeperActivities = ({ client }: TestWorkflowEnvironment): Record<string, AnyActivity> => ({
  'keeper.ask': async ({ operation, workflowId }: AdmissionRequest) => {
    const answer: Answer = { kind: 'granted', operation, fence: FENCE };
    await client.workflow.getHandle(workflowId).signal(KEEPER_MESSAGES.answer, answer);
  },
  'keeper.release': async () => undefined,
});

export class Laboratory {
  readonly zone: ModelZone;
  readonly recorded: Record<string, RecordedService> = {};
  /** Port at which every instance answers. */
  readonly port: number;
  readonly #env: TestWorkflowEnvironment;
  readonly #plane: ControlPlane;
  readonly #server: Server;
  #workers: readonly Worker[] = [];
  #running: Promise<unknown> = Promise.resolve();

  private constructor(env: TestWorkflowEnvironment, plane: ControlPlane, server: Server) {
    this.#env = env;
    this.#plane = plane;
    this.#server = server;
    this.zone = new ModelZone(plane);
    this.port = (server.address() as AddressInfo).port;
  }

  static async open(): Promise<Laboratory> {
    Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
    const plane = await startControlPlane();
    const executable = { type: 'existing-path' as const, path: await obtain('temporal') };
    const extraArgs = Object.values(SEARCH_ATTRIBUTES).flatMap((name) => [
      '--search-attribute',
      `${name}=Keyword`,
    ]);
    const env = await TestWorkflowEnvironment.createLocal({ server: { executable, extraArgs } });
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const lab = new Laboratory(env, plane, server);
    await lab.#start();
    return lab;
  }

  async #start(): Promise<void> {
    const bundle = await workflowBundle();
    const common = {
      connection: this.#env.nativeConnection,
      maxHeartbeatThrottleInterval: '100 milliseconds',
    } as const;
    this.#workers = [
      await Worker.create({ ...common, taskQueue: QUEUES.workflows, workflowBundle: bundle }),
      await Worker.create({
        ...common,
        taskQueue: QUEUES.aws,
        activities: { ...storeActivities(this.recorded), ...keeperActivities(this.#env) },
      }),
      await Worker.create({ ...common, taskQueue: zoneQueue(ZONE), activities: zoneActivities(this.#plane) }),
    ];
    this.#running = Promise.all(this.#workers.map((worker) => worker.run()));
    // An API server that is not ready yet refuses.
    for (;;) {
      try {
        await this.zone.start();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }
  }

  start(type: OperationType, workflowId: string, input: object): Promise<WorkflowHandle> {
    const common = {
      actor: 'alice',
      environment: 'example.com',
      zone: ZONE,
      bucket: 'store',
      onFailure: 'roll-back',
    };
    return this.#env.client.workflow.start(type, {
      ...{ taskQueue: QUEUES.workflows, workflowId },
      args: [{ ...common, ...input }],
    });
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.shutdown();
    await this.#running;
    await this.zone.stop();
    await this.#env.teardown();
    await this.#plane.stop();
    this.#server.close();
  }
}

const zoneActivities = ({ access }: ControlPlane) => {
  const settings = { consistencyWindowMs: 0, pollMs: 200, readFence: async () => FENCE };
  const effects = {
    'disruption-budget': disruptionBudgetEffect(access),
    'service-definition': serviceDefinitionEffect(access),
    'service-generation': serviceGenerationEffect(access, settings),
    'service-withdrawal': serviceWithdrawalEffect(access, settings),
    'service-shrink': serviceShrinkEffect(access, settings),
  };
  return { ...activitiesOf(effects, settings), ...serviceChecks(access) };
};

/** The zone store, in memory. */
const storeActivities = (recorded: Record<string, RecordedService>): Record<string, AnyActivity> => ({
  'services.ground': async ({ service }: { service?: string }): Promise<ServicesGround> => ({
    ...{
      zone: ZONE,
      environment: 'example.com',
      domain: `${ZONE}.example.com`,
      zoneCreatedAt: '2026-01-01T00:00:00Z',
    },
    ...{ workers: 3, groups: {}, publicPorts: [80, 443] },
    recorded: Object.fromEntries(
      Object.entries(recorded).filter(([name]) => service === undefined || name === service),
    ),
  }),
  'services.note': async ({ services }: { services: Record<string, RecordedService | null> }) => {
    for (const [name, one] of Object.entries(services)) {
      if (one) recorded[name] = one;
      else delete recorded[name];
    }
  },
  'manifest.hold': async () => undefined,
  'record.write': async () => ({ key: '' }),
  sweep: async () => ({ left: [], againAfterMs: 1 }),
});
