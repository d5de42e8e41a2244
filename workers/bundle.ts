import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..');

/** Part of every bundle: without it a query may stop an operation for good. */
export const QUERY_GUARD = join(root, 'workflows/query-guard.ts');

/** Where bundles are kept: outside the checkout, named after their content. */
const cacheFolder = (): string => join(process.env['ZONEWRIGHT_CACHE'] ?? '/var/cache/zonewright', 'bundles');

function contentHash(interceptors: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of [
    ...globSync('{workflows,domain,machine}/**/*.ts', { cwd: root }),
    'package-lock.json',
    ...interceptors,
  ].toSorted()) {
    hash.update(file).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex').slice(0, 32);
}

const pathOf = (interceptors: readonly string[]): string =>
  join(cacheFolder(), `workflows-${contentHash(interceptors)}.js`);

/**
 * Path of the workflow bundle of this code, built once and reused by workers and tests. Built in a process of its own:
 * the bundler leaves 250 MB in the process that it runs in.
 *
 * @param interceptors further modules of workflow interceptors, relative to the checkout
 */
export async function workflowBundle(
  interceptors: readonly string[] = [],
): Promise<{ readonly codePath: string }> {
  const codePath = pathOf(interceptors);
  if (existsSync(codePath)) return { codePath };
  const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, ...interceptors]);
  return { codePath: stdout.trim() };
}

async function build(interceptors: readonly string[]): Promise<string> {
  const codePath = pathOf(interceptors);
  if (existsSync(codePath)) return codePath;
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'workflows/index.ts'),
    workflowInterceptorModules: [QUERY_GUARD, ...interceptors.map((path) => join(root, path))],
    logger: { ...quiet, error: (message: string) => process.stderr.write(`${message}\n`) },
  });
  mkdirSync(cacheFolder(), { recursive: true });
  const draft = `${codePath}.${process.pid}`;
  writeFileSync(draft, code);
  renameSync(draft, codePath);
  return codePath;
}

const nothing = (): void => undefined;
const quiet = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing };

if (import.meta.main) process.stdout.write(`${await build(process.argv.slice(2))}\n`);
