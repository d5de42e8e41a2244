/** What a client says when it cannot do what was asked: one line, what would have been right, and an exit code. */

/**
 * 0 done; 1 failed (the operation says what is left); 2 bad usage or input, nothing was started;
 * 3 refused (conflict, gate, not permitted); 4 still waiting.
 */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, waiting: 4 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ClientErrorOptions {
  readonly cause?: unknown;
  /** What would have been right or what to do now, e.g. `expected one of sandbox, prod`. */
  readonly expectation?: string;
}

export class ClientError extends Error {
  readonly exitCode: ExitCode;
  readonly expectation: string | undefined;

  constructor(exitCode: ExitCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClientError';
    this.exitCode = exitCode;
    this.expectation = options.expectation;
  }
}
