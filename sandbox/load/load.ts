/** Asks a service over and over, as many times a second as told whatever becomes of earlier requests, and counts. */
import { Agent, request } from 'node:http';

export interface LoadOptions {
  /** Where the requests go: an address and port, e.g. the Elastic IP of a border. */
  readonly address: string;
  readonly port: number;
  /** What they ask for: `web.zone03.dev.zonewright.test`. */
  readonly host: string;
  readonly path?: string;
  readonly requestsPerSecond: number;
  /** Whether connections are used again; without it each request opens its own. */
  readonly keepAlive: boolean;
  /** A request without an answer by then has failed. */
  readonly timeoutMs?: number;
}

export interface LoadReport {
  readonly sent: number;
  readonly succeeded: number;
  readonly failed: number;
  /** How often each thing went wrong: `ECONNRESET`, `status 503`. Nothing is tried twice. */
  readonly failures: Readonly<Record<string, number>>;
  /** How often each body was answered, by its first two words: `web v1`. */
  readonly answers: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Milliseconds, of those that succeeded. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
}

export interface Load {
  /** What has come of it so far. */
  report(): LoadReport;
  /** Sends nothing more, and waits for what is under way. */
  stop(): Promise<LoadReport>;
}

const TICK_MS = 5;

export function startLoad(options: LoadOptions): Load {
  const agent = new Agent({ keepAlive: options.keepAlive, maxSockets: Infinity });
  const began = performance.now();
  const tally = new Tally();
  const open = new Set<Promise<void>>();
  let ended: number | undefined;
  const send = (): void => {
    tally.sent += 1;
    const asked = ask(options, agent, tally).finally(() => open.delete(asked));
    open.add(asked);
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1_000) * options.requestsPerSecond;
    while (tally.sent < due) send();
  }, TICK_MS);
  const report = (): LoadReport => tally.report(((ended ?? performance.now()) - began) / 1_000);
  return {
    report,
    stop: async () => {
      clearInterval(timer);
      ended ??= performance.now();
      await Promise.all(open);
      agent.destroy();
      return report();
    },
  };
}

class Tally {
  sent = 0;
  readonly #failures = new Map<string, number>();
  readonly #answers = new Map<string, number>();
  readonly #latencies: number[] = [];

  succeeded(body: string, ms: number): void {
    count(this.#answers, body.split(/\s+/).slice(0, 2).join(' '));
    this.#latencies.push(ms);
  }

  failed(reason: string): void {
    count(this.#failures, reason);
  }

  report(seconds: number): LoadReport {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number): number =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
    return {
      sent: this.sent,
      succeeded: sorted.length,
      failed: [...this.#failures.values()].reduce((sum, one) => sum + one, 0),
      failures: Object.fromEntries(this.#failures),
      answers: Object.fromEntries(this.#answers),
      seconds,
      latency: { p50: at(0.5), p99: at(0.99), max: at(1) },
    };
  }
}

const count = (counts: Map<string, number>, key: string): unknown =>
  counts.set(key, (counts.get(key) ?? 0) + 1);

function ask(options: LoadOptions, agent: Agent, tally: Tally): Promise<void> {
  const { address, port, host, path = '/', keepAlive, timeoutMs = 10_000 } = options;
  const began = performance.now();
  return new Promise((resolve) => {
    const headers = { host, ...(keepAlive ? {} : { connection: 'close' }) };
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = request({ host: address, port, path, headers, agent, signal }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (body += chunk));
      answer.on('error', fail);
      answer.on('end', () => {
        if (!answer.complete) return fail(new Error('cut short'));
        if (answer.statusCode === 200) tally.succeeded(body, performance.now() - began);
        else tally.failed(`status ${answer.statusCode}`);
        resolve();
      });
    });
    let over = false;
    function fail(error: NodeJS.ErrnoException): void {
      if (over) return;
      over = true;
      tally.failed(error.name === 'AbortError' ? 'no answer in time' : (error.code ?? error.message));
      resolve();
    }
    asked.on('error', fail);
    asked.end();
  });
}
