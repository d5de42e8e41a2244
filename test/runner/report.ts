/** Turns what happened in test files into lines for people: one per file, details of failures only. */
import { inspect } from 'node:util';
import { FileError } from './run-file.ts';
import type { FileResult } from './run-file.ts';

/** Totals of a run; what `.ci/run` and people read in the last line. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NOTHING: Totals = { passed: 0, failed: 0, skipped: 0 };

/** Output of a failed file beyond this many lines is cut in the middle: the beginning and the end tell most. */
const OUTPUT_LINES = 120;

export function add(totals: Totals, more: Totals): Totals {
  return {
    passed: totals.passed + more.passed,
    failed: totals.failed + more.failed,
    skipped: totals.skipped + more.skipped,
  };
}

/** The exact last line of `npm run check`, `npm test` and `.ci/run`. */
export const lastLine = (totals: Totals): string => `${totals.passed} passed, ${totals.failed} failed`;

export function fileLine(path: string, result: FileResult): string {
  const counts = [`${result.passed} passed`];
  if (result.failed > 0) counts.push(`${result.failed} failed`);
  if (result.skipped > 0) counts.push(`${result.skipped} skipped`);
  return stepLine(result.failed === 0, path, result.ms, counts.join(', '));
}

/** One line of a finished step: outcome, name, what it came to, milliseconds. */
export function stepLine(good: boolean, name: string, ms: number, detail = ''): string {
  return `${good ? 'ok  ' : 'FAIL'} ${name}${detail === '' ? '' : `  ${detail}`}  ${Math.round(ms)} ms`;
}

export function failureLines(path: string, result: FileResult): string {
  const texts = result.failures.map(({ error }) => describe(error));
  const lines = result.failures.map(({ name, line }, at) => {
    const text = texts[at] ?? '';
    // One broken hook fails every test with the same words; once is enough.
    const said = texts.indexOf(text) < at ? 'the same as above' : text;
    return `\n${path}${line === undefined ? '' : `:${line}`}\n${name}\n${indent(said)}`;
  });
  const output = result.output.trim();
  if (output !== '') lines.push(`\nOutput of ${path}:\n${indent(middleCut(output))}`);
  return lines.join('\n');
}

function describe(error: unknown): string {
  if (error instanceof FileError) return error.message;
  const text = typeof error === 'string' ? error : inspect(error, { depth: 6, breakLength: 110 });
  return text.replaceAll(/^ +at .*\(node:internal\/.*\n?/gm, '');
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');

export function middleCut(text: string, keep = OUTPUT_LINES): string {
  const lines = text.split('\n');
  if (lines.length <= keep) return text;
  const half = Math.floor(keep / 2);
  const cut = lines.length - 2 * half;
  return [...lines.slice(0, half), `... ${cut} lines left out ...`, ...lines.slice(-half)].join('\n');
}
