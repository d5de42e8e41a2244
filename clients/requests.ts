/** Operations that a person is about to start: what they would do, before anything has been changed. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { describeWorkflow, startOperation } from './operations.ts';
import type { Start } from './operations.ts';
import { ClientError, EXIT } from './errors.ts';

/** Who starts it and why. */
export interface Asker {
  readonly actor: string;
  /** How the actor is called, where the actor is an id. */
  readonly actorName?: string;
  readonly reason: string;
  /** Not to stand in line when another operation holds the zone. */
  readonly whenHeld?: 'refuse';
  /** Of this wish: delivered twice, it starts one operation. */
  readonly request?: string;
}

export interface OperationRequest {
  /** Workflow id. */
  readonly id: string;
  readonly type: string;
  /** As a question: `Remove worker-2 of zone03?`. */
  readonly question: string;
  /** The plan as lines of text. */
  readonly plan: string;
  /** Of the plan: what runs later must bear the same. */
  readonly hash: string;
  start(client: Client, asker: Asker): Promise<WorkflowHandle>;
}

/** A request that starts what it says, as it is. */
export const operationRequest = (
  start: Start,
  shown: Pick<OperationRequest, 'question' | 'plan' | 'hash'>,
  before: () => Promise<void> = () => Promise.resolve(),
): OperationRequest => ({
  ...shown,
  id: start.id,
  type: start.type,
  start: async (client, { request, ...asker }) => {
    await before();
    const input = { ...start.input, ...asker };
    return startOperation(client, { ...start, input, ...(request === undefined ? {} : { request }) });
  },
});

/** Starts it, unless this very wish has started it already. */
export async function startOnce(client: Client, request: OperationRequest, asker: Asker): Promise<void> {
  if (await startedBy(client, request.id, asker.request)) return;
  try {
    await request.start(client, asker);
  } catch (error) {
    if (!(error instanceof ClientError) || error.exitCode !== EXIT.refused) throw error;
    if (!(await startedBy(client, request.id, asker.request))) throw error;
  }
}

async function startedBy(client: Client, id: string, request: string | undefined): Promise<boolean> {
  if (request === undefined) return false;
  const known = await describeWorkflow(client, id).catch((error: unknown) => {
    if (error instanceof ClientError) return undefined;
    throw error;
  });
  return known?.memo?.['request'] === request;
}
