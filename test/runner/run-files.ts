/** Runs many test files, a few at a time, and prints a line for each as it ends. */
import { absolute } from './files.ts';
import type { TestFile } from './files.ts';
import { add, failureLines, fileLine, NOTHING } from './report.ts';
import type { Totals } from './report.ts';
import { runFile } from './run-file.ts';

export interface RunOptions {
  readonly root: string;
  /** Files that run at the same time. */
  readonly concurrency: number;
  /** A file that takes longer is stopped and counts as failed. */
  readonly limitMs: number;
  readonly print: (text: string) => void;
}

/** Runs every file and returns the totals; failures are printed in full where they happen. */
export async function runFiles(files: readonly TestFile[], options: RunOptions): Promise<Totals> {
  const waiting = [...files];
  let totals = NOTHING;
  const takeNext = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(absolute(options.root, file), options.limitMs);
      totals = add(totals, result);
      options.print(fileLine(file.path, result));
      if (result.failed > 0) options.print(failureLines(file.path, result));
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, takeNext));
  return totals;
}
