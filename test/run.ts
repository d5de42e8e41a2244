/**
 * `npm test`: unit tests two at a time, then the tests on real servers one after the other, all of them in one
 * sandbox. Of long files it draws some by its seed. Arguments are parts of file names, which then run whatever the seed;
 * `--gate` runs everything that `npm test` only samples.
 *
 * Tests read `ZONEWRIGHT_SEED` (what to sample), `ZONEWRIGHT_GATE=1` (do not sample) and
 * `ZONEWRIGHT_SANDBOX_HOME` (the sandbox that they share; it is taken down here, after the last file).
 */
import { parseArgs } from 'node:util';
import { dirname } from 'node:path';
import { findTests } from './runner/files.ts';
import { draw } from './runner/long.ts';
import { add, lastLine, NOTHING } from './runner/report.ts';
import type { Totals } from './runner/report.ts';
import { runFiles } from './runner/run-files.ts';
import { toolchainStep } from './runner/step.ts';
import { withSharedSandbox } from './runner/shared-sandbox.ts';

const MINUTE = 60_000;
const FAILURE: Totals = { passed: 0, failed: 1, skipped: 0 };
const root = dirname(import.meta.dirname);
const print = (text: string): void => console.log(text);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { gate: { type: 'boolean', default: false }, seed: { type: 'string' } },
    allowPositionals: true,
  });
  const seed = values.seed ?? process.env['ZONEWRIGHT_SEED'] ?? String(Math.floor(Math.random() * 2 ** 31));
  process.env['ZONEWRIGHT_SEED'] = seed;
  if (values.gate) process.env['ZONEWRIGHT_GATE'] = '1';
  print(`seed ${seed}${values.gate ? ', gate: nothing is sampled' : ''}`);

  const found = findTests(root, positionals);
  // Files that are asked for by name run, however long they are.
  const sample = !values.gate && positionals.length === 0;
  const { drawn: files, left } = sample ? draw(found, seed) : { drawn: found, left: [] };
  if (left.length > 0) print(`left to other seeds and to the gate: ${left.join(', ')}`);
  const unit = files.filter(({ kind }) => kind === 'unit');
  const real = files.filter(({ kind }) => kind === 'real');
  let totals: Totals = NOTHING;
  if (files.length > 0 && !(await toolchainStep(root, print))) totals = add(totals, FAILURE);
  totals = add(totals, await runFiles(unit, { root, concurrency: 2, limitMs: 10 * MINUTE, print }));
  if (real.length > 0) {
    const limitMs = (values.gate ? 240 : 40) * MINUTE;
    totals = add(
      totals,
      await withSharedSandbox(root, print, () => runFiles(real, { root, concurrency: 1, limitMs, print })),
    );
  }
  if (totals.skipped > 0) print(`${totals.skipped} skipped`);
  if (totals.passed + totals.failed === 0) print(`No test matches ${JSON.stringify(positionals)}`);
  print(lastLine(totals));
  return totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

process.exit(await main());
