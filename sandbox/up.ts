/** Brings the sandbox up: chooses addresses, starts its processes in order, makes the environment in it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { takeDown } from './down.ts';
import { createEnvironment } from './environment.ts';
import { SandboxError } from './errors.ts';
import { launch, waitUntilReady } from './launch.ts';
import { checkComputer, thisComputer } from './preflight.ts';
import { prepare } from './prepare.ts';
import { isAlive } from './processes.ts';
import { SERVERS, type Service, type ServiceContext, WORKER_PROCESSES } from './services.ts';
import { readState, sandboxHome, type SandboxState, statePath, writePrivate } from './state.ts';
import { obtainAll, type Progress, type ToolName } from './toolchain/index.ts';
import { withLock } from './toolchain/lock.ts';

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
 * What was started is taken down again when anything fails. Of a sandbox that is up, what has died is started again.
 * @throws {SandboxError}
 */
export async function up(options: UpOptions = {}): Promise<SandboxState> {
  const home = options.home ?? sandboxHome();
  checkComputer(await thisComputer(home), home);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return withLock(join(home, '.lock'), () => bringUp(home, options), { signal: options.signal });
}

async function bringUp(home: string, options: UpOptions): Promise<SandboxState> {
  const run = new Run(home, options);
  const servers = options.servers ?? SERVERS;
  const workers = options.workers ?? WORKER_PROCESSES;
  const dead = deadOf(home, [...servers, ...workers]);
  const wanted = dead ?? [...servers, ...workers];
  const tools = await run.step('tools', (say) => obtainTools(wanted, options, say));
  if (dead !== undefined) {
    for (const service of dead) await run.start(service, tools);
    return stateOf(home);
  }
  // Also of a sandbox that was killed together with its state file.
  await takeDown(home);
  try {
    await prepare(home, options.basePort);
    for (const service of servers) await run.start(service, tools);
    await run.step('environment', () => (options.environment ?? createEnvironment)(stateOf(home)));
    for (const service of workers) await run.start(service, tools);
    return stateOf(home);
  } catch (error) {
    await takeDown(home);
    throw error;
  }
}

/**
 * What has died of a sandbox that is up and can be started again beside the rest; undefined when none is up.
 * @throws {SandboxError} `already-up` when all of it runs, or when what died took the account along
 */
function deadOf(home: string, services: readonly Service[]): readonly Service[] | undefined {
  const alive = readState(home)?.processes.filter(isAlive) ?? [];
  if (alive.length === 0) return undefined;
  const dead = services.filter(({ name }) => alive.every((process) => process.name !== name));
  const lost = dead.filter(({ outlived }) => outlived !== true);
  if (dead.length > 0 && lost.length === 0) return dead;
  const names = (all: readonly { readonly name: string }[]): string => all.map(({ name }) => name).join(', ');
  const ended = lost.length === 0 ? '' : ` but for ${names(lost)}, which cannot be started again alone`;
  throw new SandboxError(
    'already-up',
    `Cannot start the sandbox in "${home}": it is up (${names(alive)})${ended}, expected none; run: zonewright sandbox down`,
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
      const processes = [...context.state.processes.filter(({ name }) => name !== service.name), running];
      writePrivate(statePath(this.#home), { ...context.state, processes });
      await waitUntilReady(service, running, context, this.#options.signal);
    });
  }
}
