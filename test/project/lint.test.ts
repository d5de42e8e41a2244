import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';

const root = join(import.meta.dirname, '../..');
interface Finding {
  readonly code: string;
  readonly help: string;
  readonly file: string;
}

const IMPORTS = 'eslint(no-restricted-imports)';

/** Lints these files as a checkout of their own, with the project's rules. */
function lint(files: Readonly<Record<string, string>>): Finding[] {
  const project = mkdtempSync(join(tmpdir(), 'zonewright-lint-'));
  try {
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
      cpSync(join(root, file), join(project, file));
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(project, path)), { recursive: true });
      writeFileSync(join(project, path), `${text}\n`);
    }
    const oxlint = join(root, 'node_modules/.bin/oxlint');
    const args = ['--type-aware', '--deny-warnings', '--format', 'json', ...Object.keys(files)];
    const { stdout } = spawnSync(oxlint, args, { cwd: project, encoding: 'utf8' });
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { code: string; help?: string; filename: string }[];
    };
    return diagnostics.map(({ code, help, filename }) => ({ code, help: help ?? '', file: filename }));
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

const importOf = (from: string): string => `import { thing } from '${from}';\nexport const made = thing;`;
const typeImportOf = (from: string): string =>
  `import type { Thing } from '${from}';\nexport type Made = Thing;`;

const VIOLATIONS: ReadonlyArray<readonly [file: string, imports: string, reason: RegExp]> = [
  ['domain/bad.ts', 'node:fs', /no Node/],
  ['domain/bad.ts', '@temporalio/common', /pure libraries/],
  ['domain/zone/bad.ts', '../../activities/vpc.ts', /Imports point one way/],
  ['machine/bad.ts', 'node:os', /no Node/],
  ['machine/bad.ts', '../agents/join.ts', /Imports point one way/],
  ['agents/bad.ts', '../activities/vpc.ts', /domain\/ only/],
  ['agents/bad.ts', '../machine/units.ts', /types of machine\/ only/],
  ['activities/bad.ts', '../workflows/operation.ts', /Imports point one way/],
  ['activities/cloud/bad.ts', '../../sandbox/state.ts', /does not know the sandbox/],
  ['workflows/bad.ts', 'node:crypto', /Not deterministic/],
  ['workflows/bad.ts', '@temporalio/client', /Not deterministic/],
  ['workflows/bad.ts', '../activities/index.ts', /types of activities only/],
  ['clients/bad.ts', '../activities/vpc.ts', /Clients ask and workflows decide/],
  ['clients/cli/bad.ts', '../../workflows/index.ts', /types of workflows only/],
  ['clients/bad.ts', '../sandbox/up.ts', /does not know the sandbox/],
  ['workers/bad.ts', '../sandbox/up.ts', /does not know the sandbox/],
  ['sandbox/bad.ts', '../workers/main.ts', /imports none of its code/],
];

const ALLOWED: ReadonlyArray<readonly [file: string, text: string]> = [
  ['domain/good.ts', importOf('zod')],
  ['domain/zone/good.ts', importOf('../errors.ts')],
  ['machine/good.ts', importOf('../domain/zone.ts')],
  ['agents/good.ts', `${typeImportOf('../machine/units.ts')}\n${importOf('node:fs')}`],
  ['activities/good.ts', importOf('../machine/user-data.ts')],
  ['workflows/good.ts', `${typeImportOf('../activities/index.ts')}\n${importOf('@temporalio/workflow')}`],
  ['clients/good.ts', typeImportOf('../workflows/index.ts')],
  ['clients/cli/good.ts', importOf('../../sandbox/up.ts')],
  ['workers/good.ts', `${importOf('../activities/index.ts')}\n${typeImportOf('../clients/contexts.ts')}`],
];

/** Every case is a file of its own, so that all of them are linted at once. */
const own = (file: string, at: number): string => file.replace(/\.ts$/, `-${at}.ts`);
let findings: Finding[];
before(() => {
  findings = lint(
    Object.fromEntries([
      ...VIOLATIONS.map(([file, from], at) => [own(file, at), importOf(from)]),
      ...ALLOWED.map(([file, text], at) => [own(file, at), text]),
    ]),
  );
});

for (const [at, [file, from, reason]] of VIOLATIONS.entries()) {
  test(`${dirname(file)} may not import ${from}, and lint says why`, () => {
    const found = findings.filter((finding) => finding.file === own(file, at) && finding.code === IMPORTS);
    assert.equal(found.length, 1, JSON.stringify(found));
    assert.match(found[0]?.help ?? '', reason);
  });
}

for (const [at, [file, text]] of ALLOWED.entries()) {
  test(`${dirname(file)} may import ${text.match(/'(.*)'/)?.[1]}`, () => {
    const found = findings.filter((finding) => finding.file === own(file, at) && finding.code === IMPORTS);
    assert.deepEqual(found, []);
  });
}

test('a circular import is reported', () => {
  const found = lint({
    'domain/one.ts': "import { two } from './two.ts';\nexport const one = (): number => two();",
    'domain/two.ts': "import { one } from './one.ts';\nexport const two = (): number => one();",
  });
  assert.ok(
    found.some(({ code }) => code === 'import(no-cycle)'),
    JSON.stringify(found),
  );
});

test('a promise that nobody waits for is reported', () => {
  const found = lint({ 'activities/bad.ts': 'const later = async (): Promise<void> => {};\nlater();' });
  assert.deepEqual(
    found.map(({ code }) => code),
    ['typescript(no-floating-promises)'],
  );
});

test('a default export is reported', () => {
  const found = lint({ 'activities/bad.ts': 'export default 1;' });
  assert.deepEqual(
    found.map(({ code }) => code),
    ['import(no-default-export)'],
  );
});
