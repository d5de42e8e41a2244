import {
  ApplicationFailure,
  TemporalFailure,
  isCancellation,
  log,
  scheduleActivity,
  workflowInfo,
} from '@temporalio/workflow';
import { QUEUES } from '../domain/operations.ts';
import type { SweepScope } from '../activities/effect.ts';
import { ZONE_KINDS, type Kind } from '../domain/resources/index.ts';
import { ABORTED } from './controls.ts';
import { KEEP, failureType, rootMessage } from './failure-types.ts';
import type { Operation } from './operation.ts';
import { sweep, unwind } from './undo.ts';
import { UNDO } from './retries.ts';

/** Removes what is temporary and writes the record. What cannot be removed fails the operation; the rest stays. */
export async function succeed<R>(operation: Operation, result: R): Promise<R> {
  const { account, undos } = operation;
  const temporary = undos.filter((entry) => entry.temporary);
  let stuck: string[] = [];
  let left: string[] = [];
  if (temporary.length > 0) {
    account.undoing('removing what is temporary');
    stuck = await unwind(temporary, operation);
    const kinds = kindsOf(operation);
    left = await sweep(scopeOf(operation), { kept: keptIds(operation), undos: temporary, kinds }, operation);
  }
  const clean = stuck.length + left.length === 0;
  account.state = clean ? 'done' : 'failed';
  await close(operation, { outcome: 'done', result, ...(clean ? {} : { left: [...stuck, ...left] }) });
  if (!clean) throw failLeftover(operation, stuck, left);
  return result;
}

/** What an operation can have made: a zone's is looked for in the zone's part of the store only. */
const scopeOf = ({ id, input: { zone } }: Operation): SweepScope => ({
  operation: id,
  ...(zone === undefined ? {} : { zone }),
});

/** Kinds that a sweep can find; what was made inside a zone bears no tags. */
const kindsOf = ({ undos }: Operation): Kind[] =>
  [...new Set(undos.map(({ kind }) => kind))].filter(
    (kind) => !(ZONE_KINDS as readonly Kind[]).includes(kind),
  );

/** Ids of what shall stay: everything made that is not temporary. */
const keptIds = (operation: Operation): ReadonlySet<string> => {
  const made = new Map(operation.account.progress().steps.map((step) => [step.step, step.made]));
  const kept = operation.undos
    .filter((entry) => !entry.temporary)
    .map((entry) => made.get(entry.input.owner.step));
  return new Set([...operation.shared, ...kept.filter((id) => id !== undefined)]);
};

/** Ends a failed or aborted operation; returns what its caller shall see. */
export async function fail(operation: Operation, error: TemporalFailure): Promise<TemporalFailure> {
  const { account, undos } = operation;
  const kept = error instanceof ApplicationFailure && error.type === KEEP;
  const outcome = kept ? 'kept' : isCancellation(error) ? 'aborted' : 'rolled back';
  operation.ending ??= error;
  account.undoing(outcome === 'aborted' ? ABORTED : 'undoing what was done');
  // A step is undone only after its do has closed, also where the operation does several plans at the same time.
  await Promise.allSettled(operation.running);
  const entries = kept ? undos.filter((entry) => entry.temporary) : undos;
  const stuck = await unwind(entries, operation);
  const kinds = kindsOf(operation);
  const left =
    kept || kinds.length === 0
      ? []
      : await sweep(scopeOf(operation), { kept: operation.shared, undos, kinds }, operation);
  account.state = 'failed';
  try {
    for (const follow of operation.afterFailure) await follow({ kept, stuck });
    await close(operation, { outcome, error: rootMessage(error), left: [...stuck, ...left] });
  } catch (unwritten) {
    // Why the operation failed is worth more than why its record cannot be written.
    if (!(unwritten instanceof TemporalFailure)) throw unwritten;
    log.error('Cannot write the record', { operation: operation.id, error: unwritten });
  }
  if (stuck.length + left.length > 0) return failLeftover(operation, stuck, left, error);
  if (outcome === 'aborted') {
    return ApplicationFailure.create({
      type: 'Aborted',
      nonRetryable: true,
      message: 'Aborted; everything was undone',
      cause: error,
    });
  }
  const inner = failureType(error);
  return ApplicationFailure.create({
    type: inner,
    nonRetryable: true,
    message: `${rootMessage(error)} (${ended(operation, kept)})`,
    cause: error,
  });
}

function ended({ account, undos }: Operation, kept: boolean): string {
  if (account.noReturn !== undefined)
    return `it cannot be undone: ${account.noReturn}; run it again to finish it`;
  if (undos.length + account.progress().steps.length === 0) return 'nothing was made';
  return kept ? 'what was made is kept' : 'everything was undone';
}

/** The failure that says what is still there. */
export function failLeftover(
  operation: Operation,
  stuck: readonly string[],
  left: readonly string[],
  cause?: Error,
) {
  const parts = [
    stuck.length > 0 ? `cannot undo ${stuck.map((step) => `"${step}"`).join(', ')}` : '',
    left.length > 0 ? `still there: ${left.join(', ')}` : '',
  ].filter((part) => part !== '');
  return ApplicationFailure.create({
    type: 'Leftover',
    nonRetryable: true,
    message: `Cannot clean up after "${operation.id}": ${parts.join('; ')}`,
    details: [{ stuck, left }],
    ...(cause ? { cause } : {}),
  });
}

/** The record outlives the history: written once, to the zone store. */
async function close(operation: Operation, end: Readonly<Record<string, unknown>>): Promise<void> {
  const { account, input } = operation;
  account.publish();
  const { workflowType, workflowId, startTime } = workflowInfo();
  const { steps } = account.progress();
  const content = {
    operation: operation.id,
    workflowId,
    type: workflowType,
    input: { ...input },
    startedAt: startTime.toISOString(),
    endedAt: new Date().toISOString(),
    decisions: account.decisions,
    steps,
    ...end,
  };
  try {
    await scheduleActivity('record.write', [{ operation: operation.id, content }], {
      ...UNDO,
      taskQueue: QUEUES.aws,
      summary: 'writing the record',
    });
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    throw ApplicationFailure.create({
      type: failureType(error),
      nonRetryable: true,
      message: `Cannot write the record of "${operation.id}": ${rootMessage(error)}`,
      cause: error,
    });
  }
}
