/**
 * `node clients/worker-health.ts <workflows|aws|pki>`: exit code 0 when a worker on this computer polls the queue,
 * 1 when none does. The health check of a worker's container.
 */
import { hostname } from 'node:os';
import { QUEUES } from '../domain/operations.ts';
import { loadContext } from './contexts.ts';
import { TASKS } from './pollers.ts';
import { connectTemporal } from './temporal.ts';

const RECENT_MS = 120_000;

/** A worker's default identity is `<pid>@<host>`. */
async function isPolling(host: keyof typeof QUEUES): Promise<boolean> {
  const client = await connectTemporal(loadContext());
  try {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: QUEUES[host] },
      taskQueueType: host === 'workflows' ? TASKS.workflows : TASKS.activities,
    });
    return (pollers ?? []).some(
      ({ identity, lastAccessTime }) =>
        identity?.endsWith(`@${hostname()}`) === true &&
        Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < RECENT_MS,
    );
  } finally {
    await client.connection.close();
  }
}

const [host = ''] = process.argv.slice(2);
if (!(host in QUEUES)) {
  process.stderr.write(`error: cannot check "${host}": expected one of ${Object.keys(QUEUES).join(', ')}\n`);
  process.exit(2);
}
const polling = await isPolling(host as keyof typeof QUEUES).catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  return false;
});
process.exitCode = polling ? 0 : 1;
