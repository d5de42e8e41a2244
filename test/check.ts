/** `npm run check`: everything about a checkout that can be known without root and without real servers. */
import { dirname, join } from 'node:path';
import { findTests } from './runner/files.ts';
import { add, lastLine, NOTHING } from './runner/report.ts';
import type { Totals } from './runner/report.ts';
import { runFiles } from './runner/run-files.ts';
import { runStep, toolchainStep } from './runner/step.ts';

const root = dirname(import.meta.dirname);
const print = (text: string): void => console.log(text);
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

/** Name, program and its arguments. Layers and circular imports are lint rules: see `.oxlintrc.json`. */
const STEPS: ReadonlyArray<readonly [name: string, command: string, ...args: string[]]> = [
  ['format', bin('prettier'), '--check', '--log-level', 'warn', '.'],
  [
    'lint, layers, circular imports',
    bin('oxlint'),
    '--type-aware',
    '--deny-warnings',
    '--report-unused-disable-directives',
  ],
  ['types', bin('tsc')],
  ['workflow bundle', process.execPath, join(root, 'workers/bundle.ts')],
];

async function main(): Promise<number> {
  let totals: Totals = NOTHING;
  for (const [name, command, ...args] of STEPS) {
    const { good } = await runStep({ name, command, args, cwd: root, print });
    totals = add(totals, { passed: good ? 1 : 0, failed: good ? 0 : 1, skipped: 0 });
  }
  const tools = await toolchainStep(root, print);
  totals = add(totals, { passed: tools ? 1 : 0, failed: tools ? 0 : 1, skipped: 0 });
  const unit = findTests(root).filter(({ kind }) => kind === 'unit');
  totals = add(totals, await runFiles(unit, { root, concurrency: 2, limitMs: 600_000, print }));
  print(lastLine(totals));
  return totals.failed === 0 ? 0 : 1;
}

process.exit(await main());
