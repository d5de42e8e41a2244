/** Results of all runs, one JSON line each, outside the checkout: what is measured belongs to a computer. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheRoot } from '../sandbox/toolchain/cache.ts';
import type { BenchResult } from './measurement.ts';

/** Where results are kept; `ZONEWRIGHT_BENCH_RESULTS` moves them. */
export const resultsFile = (): string =>
  process.env['ZONEWRIGHT_BENCH_RESULTS'] ?? join(cacheRoot(), 'bench', 'results.jsonl');

export function keep(result: BenchResult, file = resultsFile()): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}

/** The newest result of each bench. */
export function newest(file = resultsFile()): ReadonlyMap<string, BenchResult> {
  if (!existsSync(file)) return new Map();
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const results = lines.map((line) => JSON.parse(line) as BenchResult);
  return new Map(results.map((result) => [result.bench, result]));
}
