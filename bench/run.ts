/** `npm run bench [-- name … --repeat n --json]`: measures, keeps the results and writes the report. */
import { parseArgs } from 'node:util';
import { BENCHES, type Bench } from './benches.ts';
import { commitOf, load, thisComputer } from './computer.ts';
import { takeDownOnSignal, useBenchHome } from './home.ts';
import type { BenchResult } from './measurement.ts';
import { textOf, writeReport } from './report.ts';
import { keep, resultsFile } from './results.ts';

const USAGE = `usage: npm run bench [-- name … --repeat <n> --json]; names: ${BENCHES.map(({ name }) => name).join(', ')}`;

/** @throws {TypeError} when an argument is wrong */
function readArguments(args: readonly string[]): { chosen: readonly Bench[]; repeat: number; json: boolean } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { repeat: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } },
  });
  const repeat = Number(values.repeat);
  if (!Number.isInteger(repeat) || repeat < 1)
    throw new TypeError(`Cannot repeat "${values.repeat}" times: expected a whole number from 1`);
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) throw new TypeError(`Cannot run "${unknown.join('", "')}": expected known names`);
  const chosen = BENCHES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { chosen, repeat, json: values.json };
}

async function measure(bench: Bench, repeat: number): Promise<BenchResult> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  say(`${bench.name}: ${bench.what}`);
  const startedAt = new Date().toISOString();
  const began = performance.now();
  const before = load();
  const measurements = await bench.run({ repeat, say: (line) => say(`  ${line}`) });
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const facts = { commit: commitOf(), computer: thisComputer(), load: { before, after: load() } };
  return { bench: bench.name, what: bench.what, startedAt, seconds, ...facts, measurements };
}

async function main(): Promise<number> {
  let given: ReturnType<typeof readArguments>;
  try {
    given = readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}; ${USAGE}\n`);
    return 2;
  }
  useBenchHome();
  takeDownOnSignal();
  const results: BenchResult[] = [];
  for (const bench of given.chosen) {
    const result = await measure(bench, given.repeat);
    results.push(result);
    keep(result);
    if (!given.json) process.stdout.write(`${textOf(result)}\n`);
  }
  if (given.json) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
  process.stderr.write(`kept in ${resultsFile()}, written to ${writeReport()}\n`);
  return 0;
}

process.exit(await main());
