import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { parseArgs } from 'node:util';
import { createActivities, createPkiActivities } from '../activities/index.ts';
import { connect } from '../activities/cloud/clients.ts';
import { operationChecks } from '../activities/checks/operations.ts';
import { loadContext, type ZonewrightContext } from '../clients/contexts.ts';
import { QUEUES } from '../domain/operations.ts';
import { workflowBundle } from './bundle.ts';

/**
 * A worker process: `node workers/main.ts [--host workflows,aws,pki]`. It finds its connections in the context
 * (`ZONEWRIGHT_CONTEXT`). Where privileges are split, each of the three runs as a process of its own with its own
 * AWS role; only `pki` needs to read authorities' keys.
 */
const HOSTS = ['workflows', 'aws', 'pki'] as const;
type Host = (typeof HOSTS)[number];

const settings = {
  consistencyWindowMs: Number(process.env['ZONEWRIGHT_CONSISTENCY_WINDOW_MS'] ?? 60_000),
  pollMs: Number(process.env['ZONEWRIGHT_POLL_MS'] ?? 2_000),
  requestTimeoutMs: Number(process.env['ZONEWRIGHT_REQUEST_TIMEOUT_MS'] ?? 30_000),
};

async function optionsOf(host: Host, context: ZonewrightContext): Promise<Partial<WorkerOptions>> {
  const clients = connect({ ...context.aws, requestTimeoutMs: settings.requestTimeoutMs });
  switch (host) {
    case 'workflows':
      return { taskQueue: QUEUES.workflows, workflowBundle: await workflowBundle(), maxCachedWorkflows: 50 };
    case 'aws': {
      const temporal = new Client({
        connection: await Connection.connect({ address: context.temporal.address }),
        namespace: context.temporal.namespace,
      });
      const activities = { ...createActivities(clients, { ...settings, ...context }), ...operationChecks(temporal) };
      return { taskQueue: QUEUES.aws, activities, maxConcurrentActivityTaskExecutions: 20 };
    }
    case 'pki':
      return { taskQueue: QUEUES.pki, activities: createPkiActivities(clients, settings) };
  }
}

function hostsToRun(): Host[] {
  const { values } = parseArgs({ options: { host: { type: 'string', default: HOSTS.join(',') } } });
  const hosts = values.host.split(',');
  const unknown = hosts.find((host) => !(HOSTS as readonly string[]).includes(host));
  if (unknown !== undefined) throw new RangeError(`Cannot host "${unknown}": expected ${HOSTS.join(', ')}`);
  return hosts as Host[];
}

const context = loadContext();
Runtime.install({ workerHeartbeatInterval: '30 seconds', shutdownSignals: ['SIGTERM', 'SIGINT'] });
const { address, namespace } = context.temporal;
const connection = await NativeConnection.connect({ address });
const workers = await Promise.all(
  hostsToRun().map(async (host) =>
    Worker.create({ connection, namespace, shutdownGraceTime: '10 seconds', ...(await optionsOf(host, context)) } as WorkerOptions),
  ),
);
process.stderr.write(`zonewright worker ready: ${workers.map((worker) => worker.options.taskQueue).join(', ')}\n`);
await Promise.all(workers.map((worker) => worker.run()));
await connection.close();
