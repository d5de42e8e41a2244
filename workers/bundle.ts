import { bundleWorkflowCode } from '@temporalio/worker';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

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

/**
 * Path of the workflow bundle of this code, built once and reused by workers and tests.
 *
 * @param interceptors modules of workflow interceptors, relative to the checkout
 */
export async function workflowBundle(
  interceptors: readonly string[] = [],
): Promise<{ readonly codePath: string }> {
  const codePath = join(cacheFolder(), `workflows-${contentHash(interceptors)}.js`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'workflows/index.ts'),
    workflowInterceptorModules: interceptors.map((path) => join(root, path)),
    logger: { ...quiet, error: (message: string) => process.stderr.write(`${message}\n`) },
  });
  mkdirSync(cacheFolder(), { recursive: true });
  const draft = `${codePath}.${process.pid}`;
  writeFileSync(draft, code);
  renameSync(draft, codePath);
  return { codePath };
}

const nothing = (): void => undefined;
const quiet = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing };

if (import.meta.main) process.stdout.write(`${(await workflowBundle()).codePath}\n`);
