import { bundleWorkflowCode } from '@temporalio/worker';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from '../../sandbox/toolchain/cache.ts';
import { QUERY_GUARD } from '../../workers/bundle.ts';

const root = join(import.meta.dirname, '../..');
const SOURCES = ['{workflows,domain}/**/*.ts', 'test/{workflows,replay}/toys*.ts', 'package-lock.json'];
const nothing = (): void => undefined;
const quiet = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing };

/** Path of the bundle of a file of toy operations, built once for this code and shared by the test files. */
export async function toyBundle(
  entry = 'test/workflows/toys.ts',
  workflowInterceptorModules = [QUERY_GUARD],
): Promise<{ readonly codePath: string }> {
  const hash = createHash('sha256').update(entry).update(`${workflowInterceptorModules.length}`);
  for (const file of globSync(SOURCES, { cwd: root }).toSorted()) {
    hash.update(file).update(readFileSync(join(root, file)));
  }
  const folder = join(cacheRoot(), 'bundles');
  const codePath = join(folder, `toys-${hash.digest('hex').slice(0, 32)}.js`);
  if (existsSync(codePath)) return { codePath };
  const logger = { ...quiet, error: (message: string) => process.stderr.write(`${message}\n`) };
  const workflowsPath = join(root, entry);
  const { code } = await bundleWorkflowCode({ workflowsPath, workflowInterceptorModules, logger });
  mkdirSync(folder, { recursive: true });
  const draft = `${codePath}.${process.pid}`;
  writeFileSync(draft, code);
  renameSync(draft, codePath);
  return { codePath };
}
