import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { describedIn } from '../../domain/discovery/haproxy.ts';
import type { HaproxyProcess, Loaded } from './haproxy-process.ts';

const LOAD_MS = 10_000;

/** The file that HAProxy loads, also when it starts by itself: always one that was checked. */
export class RouterConfiguration {
  readonly #file: string;
  readonly #haproxy: HaproxyProcess;

  constructor(file: string, haproxy: HaproxyProcess) {
    this.#file = file;
    this.#haproxy = haproxy;
  }

  read(): string | undefined {
    try {
      return readFileSync(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Where there is none yet, so that HAProxy can start. */
  ensure(config: string): void {
    if (this.read() === undefined) this.#write(config);
  }

  /**
   * Makes HAProxy route by this text, if it does not yet.
   *
   * @throws {Error} when HAProxy refuses it or does not load it; what was loaded before stays, in the file as well
   */
  async load(config: string): Promise<Loaded> {
    const wanted = describedIn(config);
    const isLoaded = ({ current }: Loaded) => current === wanted;
    const before = this.read();
    if (before !== config) await this.#adopt(config, before ?? '');
    const now = await this.#haproxy.loadedWithin(LOAD_MS, ({ current }) => current !== undefined);
    if (isLoaded(now)) return now;
    await this.#haproxy.reload();
    const loaded = await this.#haproxy.loadedWithin(LOAD_MS, isLoaded);
    if (isLoaded(loaded)) return loaded;
    if (before !== undefined && before !== config) this.#write(before);
    throw new Error('haproxy has not loaded the configuration, though it took it for right');
  }

  async #adopt(config: string, before: string): Promise<void> {
    const candidate = `${this.#file}.new`;
    writeDurably(candidate, config);
    await this.#haproxy.check(candidate);
    // HAProxy would pause what it serves while it tries to take a port that another program has.
    for (const { bind, port } of bindsOf(config))
      if (!bindsOf(before).some((each) => each.port === port)) await ensureFree(bind, port);
    renameSync(candidate, this.#file);
  }

  #write(config: string): void {
    writeDurably(`${this.#file}.new`, config);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'w', 0o640);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const bindsOf = (config: string): readonly { bind: string; port: number }[] =>
  [...config.matchAll(/^ {2}bind (\S*):(\d+)$/gm)].map(([, bind = '', port]) => ({
    bind,
    port: Number(port),
  }));

/** @throws {Error} when another program listens there; ports that only root may try are left to HAProxy */
function ensureFree(bind: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? reject(new Error(`port ${port} is taken by another program`)) : resolve(),
    );
    server.listen({ port, exclusive: true, ...(bind === '' ? {} : { host: bind }) }, () =>
      server.close(() => resolve()),
    );
  });
}
