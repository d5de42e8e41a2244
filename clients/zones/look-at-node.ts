import type { Client } from '@temporalio/client';
import { QUEUES } from '../../domain/operations.ts';
import type { NodeLoad } from '../../domain/zone/drain.ts';
import type { RemovePlan } from '../../domain/zone/remove.ts';

/** What a node carries, asked from inside its zone; `undefined` when nobody there answers. Changes nothing. */
export async function lookAtNode(
  client: Client,
  { zone, machine, node, instanceId }: RemovePlan,
): Promise<NodeLoad | undefined> {
  try {
    return (await client.workflow.execute('LookAtNode', {
      taskQueue: QUEUES.workflows,
      workflowId: `look-${zone}-${machine}-${Date.now()}`,
      workflowExecutionTimeout: '20 seconds',
      args: [{ zone, node, instanceId }],
    })) as NodeLoad;
  } catch {
    return undefined;
  }
}
