import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Processes of HAProxy by the `description` of the configuration that each has loaded. */
export interface Loaded {
  /** Of the process that takes new connections; absent while there is none. */
  readonly current: string | undefined;
  /** Of those that were followed and still have connections. */
  readonly former: readonly string[];
}

const ANSWER_MS = 2_000;

/** What the router agent needs of HAProxy, whose master it asks by its socket. */
export class HaproxyProcess {
  readonly #program: string;
  readonly #masterSocket: string;

  constructor(program: string, masterSocket: string) {
    this.#program = program;
    this.#masterSocket = masterSocket;
  }

  /** @throws {Error} with HAProxy's own words where it would not load the file */
  async check(file: string): Promise<void> {
    try {
      await run(this.#program, ['-c', '-q', '-f', file], { timeout: 10_000 });
    } catch (error) {
      const said = String((error as { stderr?: string }).stderr ?? '');
      const alerts = said.split('\n').filter((line) => line.startsWith('[ALERT]'));
      throw new Error(`haproxy refuses the configuration: ${alerts.join(' ').slice(0, 1_000)}`, {
        cause: error,
      });
    }
  }

  /** Asks the master to load its file; returns before it has. */
  async reload(): Promise<void> {
    await this.#ask('reload');
  }

  /** @throws {Error} when the master does not answer, as while it loads */
  async loaded(): Promise<Loaded> {
    const { workers, former } = readProcesses(await this.#ask('show proc'));
    const [current] = workers;
    return {
      current: current === undefined ? undefined : await this.#description(current),
      former: await Promise.all(former.map(async (pid) => (await this.#description(pid)) ?? 'unknown')),
    };
  }

  /** What is loaded once the master answers again. @throws {Error} when it does not in `ms` */
  async loadedWithin(ms: number, isDone: (loaded: Loaded) => boolean): Promise<Loaded> {
    const until = Date.now() + ms;
    for (;;) {
      try {
        const loaded = await this.loaded();
        if (isDone(loaded) || Date.now() > until) return loaded;
      } catch (error) {
        if (Date.now() > until) throw error;
      }
      await sleep(20);
    }
  }

  async #description(pid: string): Promise<string | undefined> {
    const info = await this.#ask(`@!${pid} show info`);
    return /^description: (.*)$/m.exec(info)?.[1];
  }

  #ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let said = '';
      // The answer ends once the question has.
      const socket = connect({ path: this.#masterSocket, allowHalfOpen: true }, () =>
        socket.end(`${command}\n`),
      );
      socket.setEncoding('utf8');
      socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`haproxy does not answer "${command}"`)));
      socket.on('data', (text: string) => (said += text));
      socket.once('end', () => resolve(said));
      socket.once('error', (error) =>
        reject(new Error(`cannot ask haproxy: ${error.message}`, { cause: error })),
      );
    });
  }
}

/** Reads `show proc`: pids of the workers, and of those that a reload has left to end. */
export function readProcesses(answer: string): { readonly workers: string[]; readonly former: string[] } {
  const workers: string[] = [];
  const former: string[] = [];
  let section: string[] | undefined;
  for (const line of answer.split('\n')) {
    if (line.startsWith('#')) section = { '# workers': workers, '# old workers': former }[line.trim()];
    const [, pid] = /^(\d+)\s+worker\s/.exec(line) ?? [];
    if (pid !== undefined) section?.push(pid);
  }
  if (!/^\d+\s+master\s/m.test(answer))
    throw new Error(`cannot read what haproxy answers: ${answer.slice(0, 200)}`);
  return { workers, former };
}
