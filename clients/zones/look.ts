/** Questions that only a worker inside a zone can answer. They change nothing. */
import { ActivityFailure, TimeoutFailure, WorkflowFailedError, type Client } from '@temporalio/client';
import type { DiscoveryState } from '../../domain/discovery/values.ts';
import { QUEUES } from '../../domain/operations.ts';
import type { NodeLoad } from '../../domain/zone/drain.ts';
import type { RemovePlan } from '../../domain/zone/remove.ts';

/** What a node carries; `undefined` when nobody in its zone answers. */
export const lookAtNode = (
  client: Client,
  { zone, node, instanceId }: RemovePlan,
): Promise<NodeLoad | undefined> => look<NodeLoad>(client, 'LookAtNode', { zone, node, instanceId });

/** What routers are told and how far they are; `undefined` when nobody in the zone answers. */
export const lookAtDiscovery = (client: Client, zone: string): Promise<DiscoveryState | undefined> =>
  look<DiscoveryState>(client, 'LookAtDiscovery', { zone });

async function look<T>(
  client: Client,
  type: string,
  input: Readonly<Record<string, unknown>> & { readonly zone: string },
): Promise<T | undefined> {
  try {
    return (await client.workflow.execute(type, {
      taskQueue: QUEUES.workflows,
      workflowId: `look-${input.zone}-${crypto.randomUUID()}`,
      workflowExecutionTimeout: '20 seconds',
      args: [input],
    })) as T;
  } catch (error) {
    if (isSilence(error)) return undefined;
    throw error;
  }
}

/** Nobody answered in time: no worker, or one that waits for something itself. */
function isSilence(error: unknown): boolean {
  if (!(error instanceof WorkflowFailedError)) return false;
  const { cause } = error;
  return (
    cause instanceof TimeoutFailure ||
    (cause instanceof ActivityFailure &&
      (cause.retryState === 'TIMEOUT' || cause.cause instanceof TimeoutFailure))
  );
}
