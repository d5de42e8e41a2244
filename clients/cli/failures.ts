/** Turns what was thrown into what a person reads and what the shell gets. */
import { inspect } from 'node:util';
import { InvalidInput, ZonewrightError } from '../../domain/errors.ts';
import type { FailureType } from '../../domain/errors.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';

export interface FailureReport {
  readonly type: string;
  readonly message: string;
  readonly expectation?: string;
  readonly exitCode: number;
  /** What was underneath, nearest first. */
  readonly causes: readonly string[];
}

/** Exit code of our own failures when they stop a command before it started anything. */
const EXIT_OF: Partial<Record<FailureType, ExitCode>> = {
  InvalidInput: EXIT.usage,
  Conflict: EXIT.refused,
  GateFailed: EXIT.refused,
  Declined: EXIT.refused,
  CloudRefused: EXIT.refused,
};

/** Prints the error and returns the exit code; the stack only with `ZONEWRIGHT_DEBUG=1`. */
export function reportError(error: unknown, json: boolean): number {
  const report = describeError(error);
  const lines = [`error: ${report.message}`];
  if (report.expectation !== undefined) lines.push(`  expected: ${report.expectation}`);
  for (const cause of report.causes) lines.push(`  because: ${cause}`);
  if (process.env['ZONEWRIGHT_DEBUG'] === '1') lines.push(inspect(error, { depth: 8 }));
  process.stderr.write(`${lines.join('\n')}\n`);
  if (json) process.stdout.write(`${JSON.stringify({ error: report }, null, 2)}\n`);
  return report.exitCode;
}

export function describeError(error: unknown): FailureReport {
  const known = error instanceof Error ? error : new Error(String(error));
  const base = {
    type: known.name,
    message: known.message,
    causes: causesOf(known),
    exitCode: exitCodeOf(known),
  };
  const expectation = known instanceof ClientError ? known.expectation : undefined;
  // An InvalidInput carries its issues in its message, each with path, value and expectation.
  if (known instanceof InvalidInput) return { ...base, causes: [] };
  return expectation === undefined ? base : { ...base, expectation };
}

function exitCodeOf(error: Error): number {
  if (error instanceof ZonewrightError) return EXIT_OF[error.type] ?? EXIT.failed;
  // ClientError, and the errors of the sandbox, say their own.
  if ('exitCode' in error && typeof error.exitCode === 'number') return error.exitCode;
  if (error.name === 'ToolUnavailableError') return EXIT.usage;
  return error.name === 'AbortError' ? 130 : EXIT.failed;
}

/** First lines of the chain of causes, without those that their wrapper repeats. */
function causesOf(error: Error): string[] {
  const causes: string[] = [];
  let said = error.message;
  for (let { cause } = error; cause instanceof Error; { cause } = cause) {
    const [first = ''] = (cause.message || cause.name).split('\n');
    if (!said.includes(first)) causes.push(first);
    said += first;
  }
  return causes;
}
