/** Asks a person before something is changed; never where nobody can answer. */
import { createInterface } from 'node:readline/promises';
import { ClientError, EXIT } from '../errors.ts';
import type { Output } from './output.ts';

export interface Confirmation {
  /** What will happen, as a question: `Remove the images of the sandbox?`. */
  readonly question: string;
  readonly yes?: boolean | undefined;
}

/**
 * Returns when the answer is yes.
 *
 * @throws {ClientError} with exit code 2 without `--yes` and a terminal, 3 when the person says no
 */
export async function confirm(output: Output, { question, yes }: Confirmation): Promise<void> {
  if (yes === true) return;
  if (output.json || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new ClientError(EXIT.usage, `Cannot ask "${question}" without a terminal`, {
      expectation: '--yes',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new ClientError(EXIT.refused, 'Nothing was changed');
  } finally {
    terminal.close();
  }
}
