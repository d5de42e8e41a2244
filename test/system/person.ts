/** A person at the command line of the sandbox that the tests share. */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readState, type SandboxState } from '../../sandbox/state.ts';
import { zonewright, type CliResult } from '../cli/cli.ts';
import { Front } from '../operations/harness/front.ts';

/** What the person has chosen elsewhere does not count: nothing but the sandbox, and a name of their own. */
export const PERSON = {
  ZONEWRIGHT_HOME: mkdtempSync(join(tmpdir(), 'zonewright-person-')),
  ZONEWRIGHT_CONTEXT: 'sandbox',
  ZONEWRIGHT_ACTOR: 'alice@example.com',
} as const;

export const root = join(import.meta.dirname, '../..');

/** `zonewright <args>`, whatever comes of it. */
export const run = (...args: string[]): Promise<CliResult> => zonewright(args, { env: PERSON });

/** The same for what must end with 0; what went wrong is part of the failure. */
export async function good(...args: string[]): Promise<CliResult> {
  const result = await run(...args);
  assert.equal(result.code, 0, `zonewright ${args.join(' ')}\n${result.stderr}\n${result.stdout}`);
  return result;
}

/** The one document that a command with `--json` prints. */
export async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse((await good(...args, '--json')).stdout) as T;
}

/** @throws {Error} when the sandbox is not up */
export function sandbox(): SandboxState {
  const state = readState();
  if (state === undefined) throw new Error('Cannot look at the sandbox: expected it to be up');
  return state;
}

export const front = (): Front => new Front(sandbox());

/** Everything in the account, one line for each; a folder of the store with the number of its objects. */
export async function inventory(): Promise<string[]> {
  const items = await front().inventory();
  return items.map(({ kind, id, count }) => `${kind} ${id}${count === undefined ? '' : ` (${count})`}`);
}

export interface Operation {
  readonly id: string;
  readonly runId: string;
  readonly type: string;
  readonly zone?: string;
  readonly actor?: string;
  readonly state: string;
}

export interface Step {
  readonly step: string;
  readonly state: string;
  readonly made?: string;
}

export const operations = async (...args: string[]): Promise<Operation[]> =>
  (await json<{ operations: Operation[] }>('op', 'list', ...args)).operations;

/** Looks until something is so; names what it waited for when it never is. */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined | false>,
): Promise<T> {
  const end = Date.now() + seconds * 1_000;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`Not within ${seconds} s: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
