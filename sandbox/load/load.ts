/** Steady load over HTTP that hides nothing: nothing is tried again, and each request that fails is counted by its error. */
import { Agent, request } from 'node:http';

export interface LoadOptions {
  readonly url: string;
  /** Host header, where it is not the URL's. */
  readonly host?: string;
  /** Requests each second, sent on time whether earlier ones were answered or not. */
  readonly rate: number;
  /** Connections are kept and used again, or each request has its own. */
  readonly keepAlive: boolean;
  /** Milliseconds after which a request has failed; default 10 s. */
  readonly timeoutMs?: number;
}

export interface LoadReport {
  readonly sent: number;
  readonly succeeded: number;
  readonly failed: number;
  /** How often each error was met: `ECONNRESET`, `status 503` … */
  readonly errors: Readonly<Record<string, number>>;
  /** Error and milliseconds from the beginning, of the first failures. */
  readonly failures: readonly { readonly error: string; readonly atMs: number }[];
  /** How often each body was answered, by its first line. */
  readonly answers: Readonly<Record<string, number>>;
  /** Milliseconds: median, 99th percentile and slowest of what succeeded. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly seconds: number;
}

export interface Load {
  report(): LoadReport;
  /** Sends nothing more, and waits for what is under way. */
  stop(): Promise<LoadReport>;
}

const TICK_MS = 5;

export function startLoad(options: LoadOptions): Load {
  const run = new Running(options);
  const timer = setInterval(() => run.catchUp(), TICK_MS);
  return {
    report: () => run.report(),
    stop: async () => {
      clearInterval(timer);
      await run.settled();
      return run.report();
    },
  };
}

class Running {
  readonly #options: LoadOptions;
  readonly #agent: Agent;
  readonly #began = performance.now();
  readonly #under = new Set<Promise<void>>();
  readonly #errors = new Map<string, number>();
  readonly #answers = new Map<string, number>();
  readonly #failures: { error: string; atMs: number }[] = [];
  readonly #latencies: number[] = [];
  #sent = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: options.keepAlive, maxFreeSockets: 1_000 });
  }

  /** Sends what is due by now. */
  catchUp(): void {
    const due = Math.floor(((performance.now() - this.#began) / 1_000) * this.#options.rate);
    while (this.#sent < due) {
      this.#sent += 1;
      const one = this.#one().finally(() => this.#under.delete(one));
      this.#under.add(one);
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#under);
    this.#agent.destroy();
  }

  async #one(): Promise<void> {
    const began = performance.now();
    try {
      const body = await this.#ask();
      this.#latencies.push(performance.now() - began);
      count(this.#answers, body.split('\n')[0] ?? '');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      count(this.#errors, code ?? message);
      if (this.#failures.length < 100)
        this.#failures.push({ error: code ?? message, atMs: Math.round(performance.now() - this.#began) });
    }
  }

  #ask(): Promise<string> {
    const { url, host, timeoutMs = 10_000 } = this.#options;
    return new Promise((resolve, reject) => {
      const call = request(
        url,
        { agent: this.#agent, headers: host === undefined ? {} : { host } },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (part: string) => (text += part));
          answer.on('error', reject);
          answer.on('end', () => {
            if (!answer.complete) reject(new Error('cut short'));
            else if (answer.statusCode === 200) resolve(text);
            else reject(new Error(`status ${answer.statusCode}`));
          });
        },
      );
      call.setTimeout(timeoutMs, () => call.destroy(new Error('no answer in time')));
      call.on('error', reject);
      call.end();
    });
  }

  report(): LoadReport {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
    const failed = [...this.#errors.values()].reduce((sum, each) => sum + each, 0);
    return {
      sent: this.#sent,
      succeeded: sorted.length,
      failed,
      errors: Object.fromEntries(this.#errors),
      failures: [...this.#failures],
      answers: Object.fromEntries(this.#answers),
      latency: { p50: at(0.5), p99: at(0.99), max: at(1) },
      seconds: (performance.now() - this.#began) / 1_000,
    };
  }
}

const count = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};
