import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { QUEUES, type OperationType } from '../../domain/operations.ts';
import { asActivity } from '../failures.ts';

export interface StartOperation {
  readonly type: OperationType;
  readonly workflowId: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/**
 * Starting another operation and waiting for it. The starter owns nothing: callers that ask for the same operation
 * share one run, and an abort of one of them detaches it and leaves the run to the others.
 */
export const operationChecks = (temporal: Client) => ({
  'operation.start': asActivity('start operation', async ({ type, workflowId, input }: StartOperation) => {
    try {
      await temporal.workflow.start(type, {
        taskQueue: QUEUES.workflows,
        workflowId,
        args: [input],
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    return { workflowId };
  }),

  'operation.result': asActivity(
    'wait for operation',
    async ({ workflowId }: { readonly workflowId: string }) => {
      const handle = temporal.workflow.getHandle(workflowId);
      const { status } = await handle.describe().catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        throw new ZonewrightError('GateFailed', `Cannot find operation "${workflowId}"`, { cause: error });
      });
      if (status.name === 'RUNNING') throw new NotYet(`operation "${workflowId}" is running`, 2_000);
      try {
        return (await handle.result()) as unknown;
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw error;
        const message = error.cause?.message ?? error.message;
        throw new ZonewrightError('GateFailed', `Operation "${workflowId}" failed: ${message}`, {
          cause: error,
        });
      }
    },
  ),
});
