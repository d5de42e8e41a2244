/** Where a command's words go: its result to stdout (text or one JSON document), everything else to stderr. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Command } from 'commander';
import type { ExitCode } from '../errors.ts';

export interface Output {
  readonly json: boolean;
  /** The one result of the command: the document with `--json`, else the text. */
  result(document: unknown, text: string): void;
  /** What happens meanwhile; never part of the result. */
  progress(line: string): void;
}

export function outputOf(options: { readonly json?: boolean }): Output {
  const json = options.json === true;
  return {
    json,
    result: (document, text) => write(process.stdout, json ? JSON.stringify(document, null, 2) : text),
    progress: (line) => write(process.stderr, line),
  };
}

const heard = new AsyncLocalStorage<Output>();

/** Runs commands whose words go to `output`, whatever they are told. */
export const withOutput = <T>(output: Output, run: () => T): T => heard.run(output, run);

const write = (stream: NodeJS.WriteStream, text: string): void => {
  if (text !== '') stream.write(`${text.trimEnd()}\n`);
};

/** Makes a commander action of a verb that takes its output first, then its arguments and its options. */
export function verb<A extends readonly unknown[]>(
  run: (output: Output, ...args: A) => Promise<ExitCode | void>,
): (...all: unknown[]) => Promise<void> {
  return async (...all) => {
    const command = all.at(-1) as Command;
    const output = heard.getStore() ?? outputOf(command.opts());
    process.exitCode = (await run(output, ...(all.slice(0, -1) as unknown as A))) ?? 0;
  };
}

/** Rows under headings, columns as wide as they need to be. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return [head.map((title) => title.toUpperCase()), ...rows].map(line).join('\n');
}

/** Seconds under two minutes, else minutes and seconds. */
export function duration(ms: number): string {
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const seconds = Math.round(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

export const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
