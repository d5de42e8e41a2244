import {
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  log,
  scheduleActivity,
  setHandler,
  TemporalFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { AdmissionRequest } from '../domain/keeper/leases.ts';
import type { Answer, InTheWay } from '../domain/keeper/messages.ts';
import { operations, QUEUES, type OperationRow } from '../domain/operations.ts';
import { answerSignal } from './messages.ts';
import type { Operation } from './operation.ts';
import { UNDO, wait } from './retries.ts';

const MONTH_MS = 30 * 24 * 3_600_000;

export interface Admission {
  /** Returns when the operation may work on its zone; at once when it conflicts with none. */
  admit(): Promise<void>;
  /** Lets the next one in. */
  release(): Promise<void>;
}

type End =
  | Extract<Answer, { readonly kind: 'granted' | 'refused' }>
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * What stands between an operation and its zone: the lease that its keeper gives, one at a time. Asked for by an
 * activity and answered by a signal, so that neither waits for the other and either may be away.
 */
export function makeAdmission(operation: Operation): Admission {
  let asked = false;
  let end: End | undefined;
  let by: InTheWay | undefined;
  setHandler(answerSignal, (answer) => {
    if (answer.operation !== operation.id) return; // meant for an earlier one of this workflow id
    if (answer.kind === 'in line') by = answer.by;
    else end ??= answer;
  });
  const answered = () => end !== undefined;
  const ask = (request: AdmissionRequest) =>
    scheduleActivity<never>('keeper.ask', [request], {
      ...wait(MONTH_MS),
      taskQueue: QUEUES.aws,
      summary: `asking for admission to ${request.zone}`,
    }).catch((error: unknown) => {
      if (!isCancellation(error)) end ??= { kind: 'failed', error };
    });
  const standInLine = async (zone: string, first: InTheWay): Promise<void> =>
    operation.account.during({ what: heldBy(zone, first) }, async (change) => {
      while (!answered()) {
        const seen = by;
        await condition(() => answered() || by !== seen);
        if (by !== undefined && by !== seen) change(heldBy(zone, by));
      }
    });
  return {
    async admit() {
      const request = requestOf(operation);
      if (request === undefined) return;
      await operation.gate();
      asked = true;
      const asking = new CancellationScope();
      void asking.run(() => ask(request));
      await condition(() => answered() || by !== undefined);
      if (!answered() && by !== undefined) await standInLine(request.zone, by);
      asking.cancel();
      operation.fence = fenceIn(end as End, request.zone);
    },
    async release() {
      const { id, endsZone, input } = operation;
      if (!asked) return;
      try {
        await scheduleActivity('keeper.release', [{ zone: input.zone, operation: id, last: endsZone }], {
          ...UNDO,
          taskQueue: QUEUES.aws,
          summary: `releasing ${input.zone ?? ''}`,
        });
      } catch (error) {
        if (!(error instanceof TemporalFailure)) throw error;
        // The keeper finds out within a minute that this operation has closed.
        log.error('Cannot release the lease', { operation: id, error });
      }
    },
  };
}

/** @throws {ApplicationFailure} of type `Conflict` when it was refused */
function fenceIn(end: End, zone: string) {
  if (end.kind === 'granted') return end.fence;
  if (end.kind === 'failed') throw end.error;
  const { workflowId, type, since } = end.by;
  throw ApplicationFailure.nonRetryable(
    `Cannot work on "${zone}": "${workflowId}" (${type}) holds it since ${since}; look at it with "zonewright op show ${workflowId}"`,
    'Conflict',
    { zone, holder: workflowId, since },
  );
}

const heldBy = (zone: string, { workflowId, since, ahead }: InTheWay): string =>
  `${zone}: held by ${workflowId} since ${since.slice(11, 16)} UTC${ahead > 0 ? `, ${ahead} before this one in the line` : ''}`;

/** What is asked for; nothing for an operation that conflicts with none on its zone. */
function requestOf(operation: Operation): AdmissionRequest | undefined {
  const { workflowType: type, workflowId, firstExecutionRunId: firstRunId, parent } = workflowInfo();
  const table: Readonly<Record<string, OperationRow>> = operations;
  const conflicts = table[type]?.conflicts;
  if (conflicts !== 'zone') return undefined;
  const { zone, whenHeld, under = parent?.workflowId } = operation.input;
  if (zone === undefined)
    throw ApplicationFailure.nonRetryable(`Cannot admit "${type}": its input names no zone`, 'InvalidInput');
  return {
    operation: operation.id,
    ...{ workflowId, firstRunId, type, zone, conflicts },
    askedAt: new Date().toISOString(),
    wait: whenHeld === 'wait',
    ...(under === undefined ? {} : { under }),
  };
}
