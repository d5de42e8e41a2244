/** Runs one test file in a process of its own and counts what happened in it. */
import { run } from 'node:test';
import type { EventData } from 'node:test';
import { end, processesOf } from './process-tree.ts';

export interface Failure {
  /** Names of the suites and tests around the failure, outermost first. */
  readonly name: string;
  readonly error: unknown;
  readonly line?: number | undefined;
}

export interface FileResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly ms: number;
  readonly failures: readonly Failure[];
  /** What the file wrote, stdout and stderr in the order of arrival. */
  readonly output: string;
}

/** What is wrong with a file as a whole; it says all there is to say. */
export class FileError extends Error {}

interface Outcome {
  readonly data: EventData.TestPass | EventData.TestFail;
  readonly failed: boolean;
}

/**
 * Runs the file and reports it as failed when a test fails, when its process crashes, when it holds no test,
 * or when it takes longer than `limitMs` (it is then terminated).
 */
export async function runFile(path: string, limitMs: number): Promise<FileResult> {
  const began = performance.now();
  const outcomes: Outcome[] = [];
  let output = '';
  const limit = new AbortController();
  const timer = setTimeout(() => {
    const running = processesOf(path);
    limit.abort();
    end(running);
  }, limitMs);
  const stream = run({ files: [path], isolation: 'process', signal: limit.signal });
  stream.on('test:pass', (data) => outcomes.push({ data, failed: false }));
  stream.on('test:fail', (data) => outcomes.push({ data, failed: true }));
  stream.on('test:stdout', ({ message }) => (output += message));
  stream.on('test:stderr', ({ message }) => (output += message));
  // Uncaught errors after the last test arrive as diagnostics of the file; the totals at the end carry no file.
  stream.on('test:diagnostic', ({ message, file }) => (output += file === undefined ? '' : `${message}\n`));
  for await (const _event of stream) void _event;
  clearTimeout(timer);
  return { ...count(path, outcomes), ms: performance.now() - began, output };
}

/** Node reports the file itself as a test of its own, named by its path, unless all went well inside. */
function count(path: string, outcomes: readonly Outcome[]): Omit<FileResult, 'ms' | 'output'> {
  const inside = outcomes.filter(({ data }) => data.name !== path);
  const tests = inside.filter(({ data }) => data.details.type !== 'suite');
  const skipped = tests.filter(({ data }) => data.skip !== undefined || data.todo !== undefined);
  // A suite or test that failed only because of what is inside it is not counted again; a failed hook is.
  const broken = inside.filter((outcome) => outcome.failed && !skipped.includes(outcome));
  const failures = broken
    .filter(({ data }) => kindOf(data) !== 'subtestsFailed')
    .map(({ data }) => failure(data, inside));
  const file = outcomes.find(({ data }) => data.name === path);
  if (file?.failed && failures.length === 0) failures.push(crash(file.data, tests.length));
  if (tests.length === 0 && failures.length === 0) {
    failures.push({ name: path, error: new FileError('The file holds no test') });
  }
  const passed = tests.filter((test) => !test.failed && !skipped.includes(test)).length;
  return { passed, failed: failures.length, skipped: skipped.length, failures };
}

function failure(data: EventData.TestPass | EventData.TestFail, inside: readonly Outcome[]): Failure {
  const names = [data.name];
  for (let parent = data.parentId; parent !== undefined;) {
    const around = inside.find((outcome) => outcome.data.testId === parent)?.data;
    if (around !== undefined) names.unshift(around.name);
    parent = around?.parentId;
  }
  return { name: names.join(' > '), error: causeOf(data), line: data.line };
}

function crash(data: EventData.TestPass | EventData.TestFail, tests: number): Failure {
  const what =
    kindOf(data) === 'testAborted'
      ? 'was stopped at its time limit'
      : 'ended with an error outside its tests';
  return {
    name: data.name,
    error: new FileError(`The file ${what} after ${tests} finished tests; its output follows`),
  };
}

/** The runner's word for why something failed: `testCodeFailure`, `subtestsFailed`, `hookFailed`, `testAborted` ... */
function kindOf(data: EventData.TestPass | EventData.TestFail): unknown {
  const error = 'error' in data.details ? data.details.error : undefined;
  return error !== undefined && 'failureType' in error ? error.failureType : undefined;
}

/** The runner wraps what the test threw; people want to see what the test threw. */
function causeOf(data: EventData.TestPass | EventData.TestFail): unknown {
  const error = 'error' in data.details ? data.details.error : undefined;
  return error?.cause ?? error;
}
