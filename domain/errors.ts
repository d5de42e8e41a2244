/**
 * Every failure that zonewright itself raises. Callers switch on `type`, never on the message.
 * Messages say the action and the quoted thing; the cause is chained, not repeated.
 */
export type FailureType = keyof typeof FAILURES;

/** Whether trying the same thing again can help. An activity maps each error to one of these. */
export const FAILURES = {
  /** The person's input is wrong; nothing was started. */
  InvalidInput: { retryable: false },
  /** What is waited for has not happened; asks to be tried again. Never the fault of anybody. */
  NotYet: { retryable: true },
  /** Something carries our tags or name but is not what we planned: neither adopted nor deleted. */
  ForeignResource: { retryable: false },
  /** The cloud refuses and will refuse again: permissions, quotas, parameters. */
  CloudRefused: { retryable: false },
  /** The cloud could not answer: throttling, time-outs, 5xx, connection lost. */
  CloudUnavailable: { retryable: true },
  /** Another operation or person stands in the way. */
  Conflict: { retryable: false },
  /** The operation has lost its lease on the zone: somebody else may be at work there. */
  Fenced: { retryable: false },
  /** The machine reported that its own script failed. */
  MachineFailed: { retryable: false },
  /** A gate or a proof said no. */
  GateFailed: { retryable: false },
  /** A person or a deadline said no. */
  Declined: { retryable: false },
  /** The operation was aborted by a person. */
  Aborted: { retryable: false },
  /** Undo could not finish; the message names what is left. */
  Leftover: { retryable: false },
} as const;

export interface ZonewrightErrorOptions {
  readonly cause?: unknown;
  /** Plain data for programs: ids, paths, values. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export class ZonewrightError extends Error {
  readonly type: FailureType;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(type: FailureType, message: string, options: ZonewrightErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = type;
    this.type = type;
    this.details = options.details ?? {};
  }
}

/** One thing that is wrong with what a person gave. */
export interface InputIssue {
  /** Where, e.g. `examples/zone.yaml: workers[0].count`. */
  readonly path: string;
  readonly value: unknown;
  /** What would have been right, e.g. `a whole number from 1 to 100`. */
  readonly expected: string;
}

/** Bad input: refused before anything starts. */
export class InvalidInput extends ZonewrightError {
  readonly issues: readonly InputIssue[];

  constructor(what: string, issues: readonly InputIssue[], options: ZonewrightErrorOptions = {}) {
    const lines = issues.map((issue) => `${issue.path}: ${show(issue.value)} — expected ${issue.expected}`);
    super('InvalidInput', [`Cannot use ${what}`, ...lines].join('\n  '), { ...options, details: { issues } });
    this.issues = issues;
  }
}

/** Thrown by a wait: try again in `nextDelayMs`. */
export class NotYet extends ZonewrightError {
  readonly nextDelayMs: number;

  constructor(waitingFor: string, nextDelayMs: number, details: Readonly<Record<string, unknown>> = {}) {
    super('NotYet', waitingFor, { details });
    this.nextDelayMs = nextDelayMs;
  }
}

const show = (value: unknown): string => (value === undefined ? '(missing)' : JSON.stringify(value));
