/** Workers of zones, on their borders, taken over by a test: they serve in its variant, and it can kill them. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleAgents } from '../../../clients/recipes/bundle-agents.ts';
import { MACHINE_CONFIG_PATH, type MachineConfig } from '../../../domain/machine-config.ts';
import { diskOf, machinesFolder } from '../../../sandbox/machines/disk.ts';
import { initOf } from '../../../sandbox/machines/processes.ts';
import { run } from '../../../sandbox/network/commands.ts';
import { sandboxHome } from '../../../sandbox/state.ts';
import type { Variant } from './variants.ts';

const UNIT = 'zonewright-zone-worker.service';
const NAME = 'harness-zone-worker';
const PROGRAM = `/usr/local/lib/zonewright/agents/${NAME}.mjs`;
/** Of this boot only. */
const DROP_IN = `/run/systemd/system/${UNIT}.d/harness.conf`;
const LOOK_MS = 300;

const dropIn = (variant: Variant): string =>
  `[Service]\nRestartSec=0\nExecStart=\nExecStart=/usr/local/bin/node ${PROGRAM} ${variant}\n`;

/** A border that runs: its first process, as this computer counts, stands for this boot of it. */
type Init = number;

/**
 * From `start` on each border is taken over as soon as it knows that it has a worker, which is before it starts that:
 * user data is written long before a machine has joined.
 */
export class ZoneWorkers {
  readonly #variant: Variant;
  readonly #taken = new Set<Init>();
  #program = '';
  #over = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  constructor(variant: Variant = 'plain') {
    this.#variant = variant;
  }

  /** Returns once all borders that run are taken over. */
  async start(): Promise<void> {
    this.#program ||= await bundle();
    this.#over = new AbortController();
    await this.#takeAll();
    this.#watching = this.#watch(this.#over.signal);
  }

  /** SIGKILL to all that their units run; systemd starts them at once. A unit that does not run yet has nothing to kill. */
  async kill(): Promise<void> {
    const kill = `systemctl kill --signal=SIGKILL ${UNIT}`;
    await this.#each(['sh', '-ec', `if systemctl is-active -q ${UNIT}; then ${kill}; fi`]);
  }

  /** Gives the units back what they ran before. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#watching;
    await this.#each([
      'sh',
      '-ec',
      `rm -f ${DROP_IN}; systemctl daemon-reload; systemctl try-restart ${UNIT}`,
    ]);
    this.#taken.clear();
  }

  async #watch(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await sleep(LOOK_MS);
      await this.#takeAll();
    }
  }

  async #takeAll(): Promise<void> {
    await Promise.all(borders().map((init) => this.#take(init)));
  }

  async #take(init: Init): Promise<void> {
    if (this.#taken.has(init)) return;
    this.#taken.add(init);
    const at = (path: string): string => join(`/proc/${init}/root`, path);
    copyFileSync(this.#program, at(PROGRAM));
    mkdirSync(dirname(at(DROP_IN)), { recursive: true });
    writeFileSync(at(DROP_IN), dropIn(this.#variant));
    await inside(init, 'sh', '-ec', `systemctl daemon-reload; systemctl try-restart ${UNIT}`);
  }

  async #each(command: readonly string[]): Promise<void> {
    await Promise.all([...this.#taken].map((init) => inside(init, ...command)));
  }
}

/** What the entry loads counts for the bundle's cache only where it is named. */
const bundle = async (): Promise<string> => {
  const at = (file: string): string => join(import.meta.dirname, file);
  const programs = { [NAME]: at('zone-worker-process.ts'), 'harness-twice': at('twice.ts') };
  return join(await bundleAgents({ programs }), `${NAME}.mjs`);
};

function borders(): Init[] {
  const folder = machinesFolder(sandboxHome());
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((id) => {
    try {
      const { pid } = JSON.parse(readFileSync(diskOf(sandboxHome(), id).record, 'utf8')) as { pid: number };
      const init = initOf(pid);
      if (init === undefined) return [];
      const text = readFileSync(join(`/proc/${init}/root`, MACHINE_CONFIG_PATH), 'utf8');
      return (JSON.parse(text) as Partial<MachineConfig>).zoneWorker === undefined ? [] : [init];
    } catch {
      return []; // it is booting, or is no machine of a zone, or has ended meanwhile
    }
  });
}

/** A machine that has ended meanwhile has no worker to command. */
async function inside(init: Init, ...command: string[]): Promise<void> {
  try {
    await run('nsenter', ['-t', String(init), '--mount', '--uts', '--ipc', '--net', '--pid', ...command]);
  } catch (error) {
    if (existsSync(`/proc/${init}`)) throw error;
  }
}
