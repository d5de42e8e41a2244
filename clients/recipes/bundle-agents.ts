import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');

/** Programs that run on machines: name of the program and the module it begins in. */
export const AGENTS: Readonly<Record<string, string>> = {
  join: 'agents/join.ts',
  'zone-worker': 'workers/zone.ts',
};

const TARGETS = { x86_64: 'x86_64-unknown-linux-gnu', arm64: 'aarch64-unknown-linux-gnu' } as const;

export interface BundleOptions {
  /** Folder of caches; the bundle is kept there under its content. */
  readonly cache?: string;
  readonly architecture?: keyof typeof TARGETS;
  /** Default: `AGENTS`. Paths are relative to the checkout or absolute. */
  readonly programs?: Readonly<Record<string, string>>;
}

/**
 * Bundles the programs of machines into a folder that needs nothing but Node: the tool `zonewright-agents`. The same
 * sources give the same bytes.
 *
 * @returns path of the folder: `<program>.mjs` and what they load
 */
export async function bundleAgents(options: BundleOptions = {}): Promise<string> {
  const { programs = AGENTS, architecture = 'x86_64' } = options;
  const cache = options.cache ?? process.env['ZONEWRIGHT_CACHE'] ?? '/var/cache/zonewright';
  const outputs = await bundlePrograms(programs);
  const native = nativeBridge(architecture);
  const hash = createHash('sha256').update(architecture).update(readFileSync(native));
  for (const { name, contents } of outputs) hash.update(`${name}:${contents.length}:`).update(contents);
  const folder = join(cache, 'agents', hash.digest('hex').slice(0, 16));
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(join(partial, 'releases', TARGETS[architecture]), { recursive: true });
  for (const { name, contents } of outputs) writeFileSync(join(partial, name), contents);
  // Where @temporalio/core-bridge looks for it: beside the module that loads it, which is now the bundle.
  copyFileSync(native, join(partial, 'releases', TARGETS[architecture], 'index.node'));
  moveIntoPlace(partial, folder);
  return folder;
}

async function bundlePrograms(
  programs: Readonly<Record<string, string>>,
): Promise<readonly { readonly name: string; readonly contents: Uint8Array }[]> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(Object.entries(programs).map(([name, path]) => [name, join(ROOT, path)])),
    outdir: ROOT,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Comments name paths of this computer; without them the bytes depend on the sources only.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    // Node shows the line of an uncaught error.
    lineLimit: 160,
    // What CommonJS modules expect of Node.
    banner: { js: COMMONJS },
    // Asked only for modules of workflow code, which no program here has.
    define: { 'require.resolve': 'zwResolve' },
    plugins: [withoutWorkflows],
    logLevel: 'error',
  });
  return outputFiles
    .map(({ path, contents }) => ({ name: path.slice(ROOT.length + 1), contents }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const COMMONJS = [
  `import { createRequire as zwCreateRequire } from 'node:module';`,
  `const require = zwCreateRequire(import.meta.url);`,
  `const zwResolve = (name) => name;`,
  `const __filename = import.meta.filename, __dirname = import.meta.dirname;`,
].join('');

/** What a worker needs only to bundle and run workflows. A zone worker hosts activities; these would be 60 MB. */
const WORKFLOW_ONLY = /^(webpack|@swc\/core|swc-loader|memfs|unionfs|source-map-loader)$/;

const withoutWorkflows: Plugin = {
  name: 'without-workflows',
  setup(bundler) {
    bundler.onResolve({ filter: WORKFLOW_ONLY }, ({ path }) => ({ path, namespace: 'workflow-only' }));
    bundler.onLoad({ filter: /.*/, namespace: 'workflow-only' }, () => ({
      contents: 'module.exports = {};',
    }));
  },
};

function nativeBridge(architecture: keyof typeof TARGETS): string {
  const worker = createRequire(join(ROOT, 'package.json')).resolve('@temporalio/worker');
  const bridge = createRequire(worker).resolve('@temporalio/core-bridge');
  return join(dirname(bridge), 'releases', TARGETS[architecture], 'index.node');
}

function moveIntoPlace(partial: string, folder: string): void {
  try {
    renameSync(partial, folder);
  } catch (error) {
    // Another run was quicker; its bytes are the same.
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}
