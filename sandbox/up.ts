/** Brings the sandbox up: chooses addresses, starts its processes in order, makes the environment in it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { addressesOf, choosePorts, reserveIndex } from './addresses.ts';
import { takeDown } from './down.ts';
import { createEnvironment } from './environment.ts';
import { SandboxError } from './errors.ts';
import { launch, waitUntilReady } from './launch.ts';
import { checkComputer, thisComputer } from './preflight.ts';
import { isAlive } from './processes.ts';
import { SERVERS, type Service, type ServiceContext, WORKER_PROCESSES } from './services.ts';
import {
  type FrontSettings,
  frontSettingsPath,
  readState,
  sandboxHome,
  type SandboxState,
  statePath,
  writePrivate,
} from './state.ts';
import { obtainAll, type Progress, type ToolName } from './toolchain/index.ts';
import { withLock } from './toolchain/lock.ts';

const REGION = 'us-east-1';
const ACCOUNT = '123456789012';
const LOOPBACK = '127.0.0.1';

export interface SandboxProgress {
  readonly step: string;
  readonly state: 'running' | 'done';
  /** What is happening inside the step, where it has something to say. */
  readonly message?: string;
  readonly elapsedMs: number;
}

export interface UpOptions {
  readonly home?: string;
  readonly onProgress?: (progress: SandboxProgress) => void;
  readonly signal?: AbortSignal;
  /** First of consecutive ports to use, instead of free ones of the sandbox's own choice. */
  readonly basePort?: number;
  /** What to run; tests run their own. */
  readonly servers?: readonly Service[];
  readonly workers?: readonly Service[];
  readonly environment?: (state: SandboxState) => Promise<void>;
}

/**
 * Starts everything and returns once it answers. The processes live on when the caller ends.
 * What was started is taken down again when anything fails.
 * @throws {SandboxError}
 */
export async function up(options: UpOptions = {}): Promise<SandboxState> {
  const home = options.home ?? sandboxHome();
  checkComputer(await thisComputer(home), home);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return withLock(join(home, '.lock'), () => bringUp(home, options), { signal: options.signal });
}

async function bringUp(home: string, options: UpOptions): Promise<SandboxState> {
  refuseIfUp(home);
  const run = new Run(home, options);
  const servers = options.servers ?? SERVERS;
  const workers = options.workers ?? WORKER_PROCESSES;
  const tools = await run.step('tools', (say) => obtainTools([...servers, ...workers], options, say));
  // Also of a sandbox that was killed together with its state file.
  await takeDown(home);
  try {
    await prepare(home, options);
    for (const service of servers) await run.start(service, tools);
    await run.step('environment', () => (options.environment ?? createEnvironment)(stateOf(home)));
    for (const service of workers) await run.start(service, tools);
    return stateOf(home);
  } catch (error) {
    await takeDown(home);
    throw error;
  }
}

function refuseIfUp(home: string): void {
  const alive = readState(home)?.processes.filter(isAlive) ?? [];
  if (alive.length === 0) return;
  const names = alive.map(({ name }) => name).join(', ');
  throw new SandboxError(
    'already-up',
    `Cannot start the sandbox in "${home}": it is up (${names}), expected none; run: zonewright sandbox down`,
  );
}

function obtainTools(
  services: readonly Service[],
  { signal }: UpOptions,
  say: (message: string) => void,
): Promise<Partial<Record<ToolName, string>>> {
  const names = [...new Set(services.flatMap((service) => service.tools))];
  const onProgress = ({ tool, message }: Progress) => say(`${tool}: ${message}`);
  return obtainAll(names, { onProgress, ...(signal && { signal }) });
}

/** Writes down all that is chosen, before the first process starts. */
async function prepare(home: string, { basePort }: UpOptions): Promise<void> {
  const index = await reserveIndex(home);
  const addresses = addressesOf(index);
  const ports = await choosePorts(['aws', 'temporal', 'temporalUi', 'moto', 's3'], index, basePort);
  for (const folder of ['s3', 's3-versions', 'images']) mkdirSync(join(home, folder), { recursive: true });
  const front: FrontSettings = {
    motoUrl: `http://${LOOPBACK}:${ports.moto}`,
    s3Url: `http://${LOOPBACK}:${ports.s3}`,
    s3RootAccessKey: accessKey(),
    s3RootSecretKey: secretKey(),
    listen: [{ host: addresses.computer, port: ports.aws }],
  };
  const state: SandboxState = {
    id: randomUUID(),
    startedAt: new Date().toISOString(),
    addresses,
    region: REGION,
    accountId: ACCOUNT,
    awsEndpoint: `http://${addresses.computer}:${ports.aws}`,
    temporalAddress: `${addresses.computer}:${ports.temporal}`,
    temporalUi: `http://${LOOPBACK}:${ports.temporalUi}`,
    namespace: 'dev',
    accessKeyId: accessKey(),
    secretAccessKey: secretKey(),
    bucket: 'zonewright-dev',
    environmentDomain: 'dev.zonewright.test',
    sourceImageName: 'zonewright-source-debian-12',
    processes: [],
  };
  writePrivate(frontSettingsPath(home), front);
  writePrivate(statePath(home), state);
}

/** Of the form that AWS uses: 20 characters, 40 characters. */
const accessKey = (): string => `AKIA${randomBytes(8).toString('hex').toUpperCase()}`;
const secretKey = (): string => randomBytes(30).toString('base64url');

function stateOf(home: string): SandboxState {
  const state = readState(home);
  if (!state)
    throw new SandboxError('start-failed', `Cannot read "${statePath(home)}": it vanished during the start`);
  return state;
}

/** One start: says how it goes and keeps the state file at what runs. */
class Run {
  readonly #home: string;
  readonly #options: UpOptions;

  constructor(home: string, options: UpOptions) {
    this.#home = home;
    this.#options = options;
  }

  async step<T>(step: string, body: (say: (message: string) => void) => Promise<T>): Promise<T> {
    const began = performance.now();
    const tell = (state: SandboxProgress['state'], message?: string) =>
      this.#options.onProgress?.({
        step,
        state,
        elapsedMs: performance.now() - began,
        ...(message !== undefined && { message }),
      });
    this.#options.signal?.throwIfAborted();
    tell('running');
    const result = await body((message) => tell('running', message));
    tell('done');
    return result;
  }

  start(service: Service, tools: Partial<Record<ToolName, string>>): Promise<void> {
    return this.step(service.name, async () => {
      const context: ServiceContext = { home: this.#home, state: stateOf(this.#home), tools };
      const running = await launch(service, context);
      const processes = [...context.state.processes, running];
      writePrivate(statePath(this.#home), { ...context.state, processes });
      await waitUntilReady(service, running, context, this.#options.signal);
    });
  }
}
