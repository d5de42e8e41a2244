/** `npm run check`: everything about a checkout that can be known without running it. */
import { dirname, join } from 'node:path';
import { add, lastLine, NOTHING } from './runner/report.ts';
import type { Totals } from './runner/report.ts';
import { runStep } from './runner/step.ts';

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
  print(lastLine(totals));
  return totals.failed === 0 ? 0 : 1;
}

process.exit(await main());
