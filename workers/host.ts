import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { createActivities, createPkiActivities } from '../activities/index.ts';
import { connect } from '../activities/cloud/clients.ts';
import { keeperChecks } from '../activities/checks/keeper.ts';
import { operationChecks } from '../activities/checks/operations.ts';
import type { ZonewrightContext } from '../clients/contexts.ts';
import { connectionOptions, connectTemporal } from '../clients/temporal.ts';
import { QUEUES } from '../domain/operations.ts';
import { workflowBundle } from './bundle.ts';

/** What a worker process can host. Where privileges are split each runs as a process of its own AWS role. */
export const HOSTS = ['workflows', 'aws', 'pki'] as const;
export type Host = (typeof HOSTS)[number];

/** Settings of a worker, from its environment. */
export const settings = {
  /** How long after an ambiguous answer a resource may still appear. */
  consistencyWindowMs: Number(process.env['ZONEWRIGHT_CONSISTENCY_WINDOW_MS'] ?? 60_000),
  /** How often the cloud is asked while waiting. */
  pollMs: Number(process.env['ZONEWRIGHT_POLL_MS'] ?? 2_000),
  /** A request that takes longer has an unknown outcome. */
  requestTimeoutMs: Number(process.env['ZONEWRIGHT_REQUEST_TIMEOUT_MS'] ?? 30_000),
};

export type AnyActivities = Record<string, (...args: never[]) => Promise<unknown>>;

export interface WorkerProcess {
  readonly context: ZonewrightContext;
  readonly hosts: readonly Host[];
  /** Put around every activity before it is registered; tests run each twice. */
  readonly wrap?: (activities: AnyActivities) => AnyActivities;
  /** Settings other than the usual ones; tests notice dead workers sooner. */
  readonly options?: Partial<WorkerOptions>;
}

async function activitiesOf(host: Host, context: ZonewrightContext): Promise<AnyActivities> {
  const clients = connect({ ...context.aws, requestTimeoutMs: settings.requestTimeoutMs });
  const { store, dns } = context;
  const stored = { ...settings, bucket: store.bucket };
  if (host === 'pki') return createPkiActivities(clients, stored);
  if (host === 'workflows') return {};
  const temporal = await connectTemporal(context);
  return {
    ...createActivities(clients, { ...stored, ...(dns ? { dns } : {}) }),
    ...operationChecks(temporal),
    ...keeperChecks(clients, temporal, stored),
  };
}

async function optionsOf(
  host: Host,
  { context, wrap, options = {} }: WorkerProcess,
): Promise<Partial<WorkerOptions>> {
  if (host === 'workflows') {
    const bundle = options.workflowBundle ?? (await workflowBundle());
    return { maxCachedWorkflows: 50, ...options, workflowBundle: bundle };
  }
  const activities = await activitiesOf(host, context);
  const { workflowBundle: _ofWorkflows, ...others } = options;
  return {
    ...others,
    activities: wrap ? wrap(activities) : activities,
    maxConcurrentActivityTaskExecutions: 20,
  };
}

/** Runs workers until the process is told to stop; what is at work then has ten seconds to end. */
export async function runWorkers(process_: WorkerProcess): Promise<void> {
  Runtime.install({ workerHeartbeatInterval: '30 seconds', shutdownSignals: ['SIGTERM', 'SIGINT'] });
  const connection = await NativeConnection.connect(connectionOptions(process_.context));
  const common = {
    connection,
    namespace: process_.context.temporal.namespace,
    shutdownGraceTime: '10 seconds',
  } as const;
  const workers = await Promise.all(
    process_.hosts.map(async (host) => {
      const options = await optionsOf(host, process_);
      return Worker.create({ ...common, ...options, taskQueue: QUEUES[host] });
    }),
  );
  process.stderr.write(`worker ready: ${process_.hosts.map((host) => QUEUES[host]).join(', ')}\n`);
  await Promise.all(workers.map((worker) => worker.run()));
  await connection.close();
}
