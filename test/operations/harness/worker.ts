import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');

/** Short windows, so that ambiguity is waited out within a test. The front's stale reads stay below them. */
const PACE = {
  ZONEWRIGHT_CONSISTENCY_WINDOW_MS: '3000',
  ZONEWRIGHT_POLL_MS: '500',
  ZONEWRIGHT_REQUEST_TIMEOUT_MS: '6000',
};

/** A worker process that a test can kill at any moment, as a power cut would. */
export class KillableWorker {
  #child: ChildProcess | undefined;
  #log = '';
  readonly #script: string;

  constructor(script = 'workers/main.ts') {
    this.#script = script;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(root, this.#script)], {
      env: { ...process.env, ...PACE, ZONEWRIGHT_CONTEXT: 'sandbox' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.stderr?.on('data', (data: Buffer) => {
      this.#log = (this.#log + data.toString()).slice(-20_000);
      if (data.includes('worker ready')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`Worker ended with ${code}:\n${this.#log}`)));
    promise.catch(() => undefined);
    await promise;
  }

  /** SIGKILL: nothing of it can clean up. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  get log(): string {
    return this.#log;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
}
