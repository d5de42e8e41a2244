import { createHash, randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');

/** Programs that run on machines: name of the program and the module it begins in. */
export const AGENTS: Readonly<Record<string, string>> = {
  join: 'agents/join.ts',
  'zone-worker': 'workers/zone-main.ts',
  presence: 'agents/presence.ts',
  border: 'agents/border.ts',
};

const PROTOCOL = 'etcd-protocol';
const TARGETS = { x86_64: 'x86_64-unknown-linux-gnu', arm64: 'aarch64-unknown-linux-gnu' } as const;

export interface BundleOptions {
  /** Folder of caches; the bundle is kept there under the hash of its sources. */
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
  const folder = join(cache, 'agents', sourcesHash(programs, architecture));
  if (existsSync(folder)) return folder;
  const outputs = await bundlePrograms(programs);
  const partial = `${folder}.${randomUUID()}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  for (const { name, contents } of outputs) writeFileSync(join(partial, name), contents);
  for (const [to, from] of copiedFiles(architecture)) {
    mkdirSync(dirname(join(partial, to)), { recursive: true });
    copyFileSync(from, join(partial, to));
  }
  moveIntoPlace(partial, folder);
  return folder;
}

/** Of everything that can be bundled: looking at it takes no time, bundling takes seconds. */
function sourcesHash(programs: Readonly<Record<string, string>>, architecture: string): string {
  const own = globSync('{agents,activities,domain,machine,workers}/**/*.ts', { cwd: ROOT }).toSorted();
  const files = [...own, ...Object.values(programs), import.meta.filename, 'package-lock.json'];
  const hash = createHash('sha256').update(JSON.stringify([architecture, programs]));
  for (const file of files) {
    const text = readFileSync(isAbsolute(file) ? file : join(ROOT, file));
    hash.update(`${file.replace(ROOT, '')}:${text.length}:`).update(text);
  }
  return hash.digest('hex').slice(0, 16);
}

async function bundlePrograms(
  programs: Readonly<Record<string, string>>,
): Promise<readonly { readonly name: string; readonly contents: Uint8Array }[]> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(
      Object.entries(programs).map(([name, path]) => [name, isAbsolute(path) ? path : join(ROOT, path)]),
    ),
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
    plugins: [withoutWorkflows, etcdProtocol],
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

/** What etcd speaks is read from a file when etcd3 is loaded; here it lies beside the program. */
const etcdProtocol: Plugin = {
  name: 'etcd-protocol',
  setup(bundler) {
    bundler.onLoad({ filter: /etcd3\/lib\/connection-pool\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const contents = text.replace('/../proto/rpc.proto', `/${PROTOCOL}/rpc.proto`);
      if (contents === text) throw new Error(`Cannot bundle "${path}": expected it to load rpc.proto`);
      return { contents };
    });
  },
};

const withoutWorkflows: Plugin = {
  name: 'without-workflows',
  setup(bundler) {
    bundler.onResolve({ filter: WORKFLOW_ONLY }, ({ path }) => ({ path, namespace: 'workflow-only' }));
    bundler.onLoad({ filter: /.*/, namespace: 'workflow-only' }, () => ({
      contents: 'module.exports = {};',
    }));
  },
};

/** Files that programs load while they run: path in the folder, and where it is now. */
function copiedFiles(architecture: keyof typeof TARGETS): readonly (readonly [to: string, from: string])[] {
  const worker = createRequire(join(ROOT, 'package.json')).resolve('@temporalio/worker');
  const bridge = createRequire(worker).resolve('@temporalio/core-bridge');
  const etcd = createRequire(join(ROOT, 'package.json')).resolve('etcd3');
  // The bridge's path is relative to the module that loads it, which is now the bundle.
  const native = join('releases', TARGETS[architecture], 'index.node');
  return [
    [native, join(dirname(bridge), native)],
    ...['rpc', 'kv', 'auth'].map(
      (name) => [`${PROTOCOL}/${name}.proto`, join(dirname(etcd), `../proto/${name}.proto`)] as const,
    ),
  ];
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
