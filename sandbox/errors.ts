/** Why the sandbox cannot do what it was asked for. */
export type SandboxErrorCode =
  | 'not-linux'
  | 'not-root'
  | 'no-space'
  | 'port-in-use'
  | 'no-index'
  | 'already-up'
  | 'not-up'
  | 'start-failed'
  | 'left-behind';

/** Nothing was started with these, so the exit code is that of bad input. */
const AFTER_THE_START: readonly SandboxErrorCode[] = ['start-failed', 'left-behind'];

export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly code: SandboxErrorCode;
  /** 2 where nothing was started, else 1. */
  readonly exitCode: 1 | 2;

  constructor(code: SandboxErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exitCode = AFTER_THE_START.includes(code) ? 1 : 2;
  }
}
