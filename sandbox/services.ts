/** The sandbox's long-lived processes, in the order of their start. Adding one is a row here. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, answers } from './probes.ts';
import { logFolder, readFrontSettings, type SandboxState } from './state.ts';
import type { ToolName } from './toolchain/index.ts';

const ROOT = join(import.meta.dirname, '..');

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly listens?: readonly string[];
}

export interface ServiceContext {
  readonly home: string;
  readonly state: SandboxState;
  readonly tools: Readonly<Partial<Record<ToolName, string>>>;
}

export interface Service {
  readonly name: string;
  /** Obtained before anything starts. */
  readonly tools: readonly ToolName[];
  launch(context: ServiceContext): Launch;
  /** True once it answers; a service without it counts as ready while it runs. */
  readonly ready?: (context: ServiceContext) => Promise<boolean>;
  readonly readyTimeoutMs: number;
  /** What it knows lies on disk or with others, so that it can be started again in a sandbox that is up. */
  readonly outlived?: true;
}

const tool = ({ tools }: ServiceContext, name: ToolName): string => {
  const path = tools[name];
  if (path === undefined)
    throw new TypeError(`Cannot launch "${name}": expected its service to list it in tools`);
  return path;
};

const emulator: Service = {
  name: 'moto',
  tools: ['moto'],
  launch: (context) => {
    const { hostname, port, host } = new URL(readFrontSettings(context.home).motoUrl);
    return { command: tool(context, 'moto'), args: ['-H', hostname, '-p', port], listens: [host] };
  },
  ready: ({ home }) => answers(`${readFrontSettings(home).motoUrl}/moto-api/`),
  readyTimeoutMs: 30_000,
};

const objects: Service = {
  name: 's3',
  tools: ['versitygw'],
  launch: (context) => {
    const front = readFrontSettings(context.home);
    const { host } = new URL(front.s3Url);
    const folders = ['--versioning-dir', join(context.home, 's3-versions'), join(context.home, 's3')];
    return {
      command: tool(context, 'versitygw'),
      args: ['--port', host, '--region', context.state.region, '--quiet', 'posix', ...folders],
      env: { ROOT_ACCESS_KEY: front.s3RootAccessKey, ROOT_SECRET_KEY: front.s3RootSecretKey },
      listens: [host],
    };
  },
  ready: ({ home }) => accepts(new URL(readFrontSettings(home).s3Url).host),
  readyTimeoutMs: 20_000,
};

/** Makes the network, and relays to Temporal what machines ask it. */
const front: Service = {
  name: 'front',
  tools: ['debian-packages', 'base-root', 'coredns', 'unbound'],
  launch: ({ home, state }) => ({
    command: process.execPath,
    args: [join(ROOT, 'sandbox/aws/main.ts'), home],
    listens: [new URL(state.awsEndpoint).host],
  }),
  ready: ({ state }) => answers(`${state.awsEndpoint}/_sandbox/health`),
  // The first one builds the source image.
  readyTimeoutMs: 300_000,
};

const SEARCH_ATTRIBUTES = ['ZonewrightZone', 'ZonewrightState', 'ZonewrightOperation', 'ZonewrightActor'];
const DYNAMIC_CONFIG = [
  'frontend.ListWorkersEnabled=true',
  'frontend.WorkerHeartbeatsEnabled=true',
  'history.workflowIdReuseMinimalInterval="0s"',
  'history.continueAsNewMinInterval="0s"',
];

const temporal: Service = {
  name: 'temporal',
  tools: ['temporal'],
  launch: (context) => {
    const { home, state } = context;
    const [host = '', port = ''] = state.temporalAddress.split(':');
    const ui = new URL(state.temporalUi);
    return {
      command: tool(context, 'temporal'),
      args: [
        ...[
          'server',
          'start-dev',
          '--ip',
          host,
          '--port',
          port,
          '--ui-ip',
          ui.hostname,
          '--ui-port',
          ui.port,
        ],
        ...[
          '--namespace',
          state.namespace,
          '--log-level',
          'warn',
          '--db-filename',
          join(home, 'temporal.db'),
        ],
        // Without the write-ahead log 50 workflows at once do not finish.
        ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
        ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
        ...DYNAMIC_CONFIG.flatMap((setting) => ['--dynamic-config-value', setting]),
      ],
      listens: [state.temporalAddress, ui.host],
    };
  },
  ready: async ({ state }) =>
    (await accepts(state.temporalAddress)) &&
    answers(`${state.temporalUi}/api/v1/namespaces/${state.namespace}`),
  readyTimeoutMs: 30_000,
  outlived: true,
};

const WORKERS = join(ROOT, 'workers/main.ts');
/** The emulator is consistent within moments; what the user has set goes before. */
const PACE = {
  ZONEWRIGHT_CONSISTENCY_WINDOW_MS: process.env['ZONEWRIGHT_CONSISTENCY_WINDOW_MS'] ?? '2000',
  ZONEWRIGHT_REQUEST_TIMEOUT_MS: process.env['ZONEWRIGHT_REQUEST_TIMEOUT_MS'] ?? '8000',
  ZONEWRIGHT_POLL_MS: process.env['ZONEWRIGHT_POLL_MS'] ?? '500',
};
/** Loading leaves garbage; a smaller young generation gives 50 MB of it back to the computer. */
const SPARING = '--max-semi-space-size=4';
const workers: Service = {
  name: 'workers',
  tools: [],
  launch: ({ home }) => ({
    command: process.execPath,
    args: [SPARING, WORKERS],
    env: { ...PACE, ZONEWRIGHT_CONTEXT: 'sandbox', ZONEWRIGHT_SANDBOX_HOME: home },
  }),
  ready: async ({ home }) =>
    readFileSync(join(logFolder(home), 'workers.log'), 'utf8').includes('worker ready'),
  readyTimeoutMs: 90_000,
  outlived: true,
};

/** Started before the environment's basics exist. */
export const SERVERS: readonly Service[] = [emulator, objects, front, temporal];
/** Started once the environment is there. */
export const WORKER_PROCESSES: readonly Service[] = existsSync(WORKERS) ? [workers] : [];
