/** A server process in a network namespace, started again when it ends by itself. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerSettings {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Path of the namespace. */
  readonly namespace: string;
  /** What it says once it serves. */
  readonly ready: RegExp;
}

const READY_MS = 15_000;
const AGAIN_MS = 500;

export class NamespaceServer {
  readonly #settings: ServerSettings;
  #child: ChildProcess | undefined;
  #closing = false;

  constructor(settings: ServerSettings) {
    this.#settings = settings;
  }

  /** Resolves once it serves. @throws {Error} with what it said, when it ends or stays silent */
  async start(): Promise<void> {
    const { name, command, args, namespace, ready } = this.#settings;
    const child = spawn('nsenter', [`--net=${namespace}`, command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let said = '';
    const serving = new Promise<void>((resolve, reject) => {
      const hear = (data: Buffer): void => {
        said = `${said}${data.toString()}`.slice(-2000);
        if (ready.test(said)) resolve();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`Cannot run ${name}: it ended with ${code}: ${said}`)));
    });
    const silent = AbortSignal.timeout(READY_MS);
    await Promise.race([
      serving,
      once(silent, 'abort').then(() =>
        Promise.reject(new Error(`Cannot run ${name}: not ready in time: ${said}`)),
      ),
    ]).finally(() => serving.catch(() => undefined));
    child.once('exit', (code) => {
      if (!this.#closing) void this.#again(code, said);
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async close(): Promise<void> {
    this.#closing = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async #again(code: number | null, said: string): Promise<void> {
    console.error(`${this.#settings.name} ended with ${code}, starting it again: ${said}`);
    await sleep(AGAIN_MS);
    if (!this.#closing) await this.start().catch((error: unknown) => console.error(error));
  }
}
