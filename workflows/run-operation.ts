import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  TemporalFailure,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import type { z } from 'zod';
import { InvalidInput, ZonewrightError } from '../domain/errors.ts';
import type { OperationInput } from '../domain/operations.ts';
import { parse } from '../domain/parse.ts';
import { Account } from './account.ts';
import { makeAdmission } from './admission.ts';
import { ABORTED, installControls } from './controls.ts';
import { fail, succeed } from './ending.ts';
import { type Operation, makeOperation } from './operation.ts';

/**
 * Runs an operation: parses its input first, answers explain and the controls, waits for admission to its zone, and
 * on failure or abort undoes what was registered, proves by a sweep that nothing is left, and writes the record.
 */
export async function runOperation<S extends z.ZodType<OperationInput & { zone?: string | undefined }>, R>(
  schema: S,
  raw: unknown,
  body: (operation: Operation, input: z.output<S>) => Promise<R>,
): Promise<R> {
  const input = parseInput(schema, raw);
  const account = new Account(input);
  const root = new CancellationScope();
  const operation = makeOperation(input, account);
  const admission = makeAdmission(operation);
  installControls(account, () => root.cancel());
  root.cancelRequested.catch(() => {
    // A cancel from the Temporal UI passes by the controls; what has no way back goes on all the same.
    if (account.noReturn !== undefined) return;
    operation.ending ??= new CancelledFailure('Aborted');
    if (account.state === 'running') account.undoing(ABORTED);
  });
  account.announce();
  let result: R;
  try {
    result = await root.run(() =>
      asFailures(async () => {
        await admission.admit();
        return body(operation, input);
      }),
    );
    // An abort may come together with the last answer; it was accepted, so it counts.
    if (root.consideredCancelled && account.noReturn === undefined) throw new CancelledFailure('Aborted');
  } catch (error) {
    // A bug in workflow code undoes nothing: the task is retried until fixed code is deployed.
    if (!(error instanceof TemporalFailure)) throw error;
    const aborted = root.consideredCancelled && account.noReturn === undefined;
    const cause = aborted && !isCancellation(error) ? new CancelledFailure('Aborted', [], error) : error;
    throw await CancellationScope.nonCancellable(async () => {
      const failure = await fail(operation, cause);
      await admission.release();
      return failure;
    });
  }
  return CancellationScope.nonCancellable(async () => {
    try {
      const done = await succeed(operation, result);
      await admission.release();
      return done;
    } catch (error) {
      // A bug holds the zone: what it left half done is nobody else's to work on.
      if (error instanceof TemporalFailure) await admission.release();
      throw error;
    }
  });
}

/** What `domain/` refuses (a plan that cannot be made) is a failure of the operation, not a bug of the workflow. */
async function asFailures<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof ZonewrightError)) throw error;
    throw ApplicationFailure.create({
      type: error.type,
      nonRetryable: true,
      message: error.message,
      details: [error.details],
    });
  }
}

function parseInput<S extends z.ZodType>(schema: S, raw: unknown): z.output<S> {
  try {
    return parse(schema, raw, `the input of ${workflowInfo().workflowType}`);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw ApplicationFailure.nonRetryable(error.message, 'InvalidInput', { issues: error.issues });
  }
}
