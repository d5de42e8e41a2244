/** What was called: the last calls in memory, all of them in a file. Never a parameter or a secret. */
import { createWriteStream, mkdirSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { dirname } from 'node:path';

export interface LoggedCall {
  /** Rises by one for each call. */
  readonly sequence: number;
  readonly at: string;
  readonly service: string;
  readonly action: string;
  readonly ms: number;
  /** 0 where the client got no answer. */
  readonly status: number;
  readonly error?: string;
  /** ARN of the caller. */
  readonly identity?: string;
  readonly requestId: string;
  /** Kind of the injected fault, if one struck. */
  readonly fault?: string;
}

const KEPT = 20_000;

export class CallLog {
  readonly #calls: LoggedCall[] = [];
  readonly #file: WriteStream;
  #sequence = 0;

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.#file = createWriteStream(file, { flags: 'a', mode: 0o600 });
  }

  add(call: Omit<LoggedCall, 'sequence'>): void {
    const logged = { sequence: ++this.#sequence, ...call };
    this.#calls.push(logged);
    if (this.#calls.length > KEPT) this.#calls.splice(0, KEPT / 10);
    this.#file.write(`${JSON.stringify(logged)}\n`);
  }

  /** Calls that ended after the given sequence number. */
  since(sequence: number): readonly LoggedCall[] {
    return this.#calls.filter((call) => call.sequence > sequence);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(resolve));
  }
}
