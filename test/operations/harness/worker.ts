import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Variant } from './variants.ts';

const script = join(import.meta.dirname, 'worker-process.ts');

/** Short windows, so that ambiguity is waited out within a test. The front's stale reads stay below them. */
const PACE = {
  ZONEWRIGHT_CONSISTENCY_WINDOW_MS: '2000',
  ZONEWRIGHT_POLL_MS: '500',
  ZONEWRIGHT_REQUEST_TIMEOUT_MS: '4000',
};

/** Kept of what a worker writes: enough to see why it ended. */
const LOG_CHARACTERS = 20_000;

/** A worker process that a test can kill at any moment, as a power cut would. */
export class KillableWorker {
  #child: ChildProcess | undefined;
  #log = '';
  readonly #command: readonly string[];
  readonly #pace: Readonly<Record<string, string>>;

  constructor(variant: Variant = 'plain', command = [script, variant], pace = {}) {
    this.#command = command;
    this.#pace = { ...PACE, ...pace };
  }

  /** Returns once it polls. @throws {Error} with its log when it ends before that */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [...this.#command], {
      env: { ...process.env, ...this.#pace, ZONEWRIGHT_CONTEXT: 'sandbox' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.stderr?.on('data', (data: Buffer) => {
      this.#log = (this.#log + data.toString()).slice(-LOG_CHARACTERS);
      if (this.#log.includes('worker ready')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`Worker ended with ${code}:\n${this.#log}`)));
    await promise;
  }

  /** SIGKILL: nothing of it can clean up. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** It stands still until it is thawed, and does not know that it did. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
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
    this.#log = '';
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
}
