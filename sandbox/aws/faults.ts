/** Faults that a test asks for: which calls they strike, and what happens to those. */
import { z } from 'zod';
import { matchesPattern } from './call.ts';

const effectSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('error'),
    code: z.string(),
    message: z.string().optional(),
    status: z.number().int().min(400).max(599).default(400),
    /** `after`: the effect has happened, and the client is told that it failed. */
    when: z.enum(['before', 'after']).default('before'),
  }),
  z.strictObject({ kind: z.literal('throttle') }),
  z.strictObject({ kind: z.literal('latency'), ms: z.number().nonnegative() }),
  /** No effect; the connection is held, then dropped. */
  z.strictObject({ kind: z.literal('timeout-before'), holdMs: z.number().nonnegative().default(120_000) }),
  /** The effect happens; the answer never comes. */
  z.strictObject({ kind: z.literal('timeout-after'), holdMs: z.number().nonnegative().default(120_000) }),
  /** The connection is dropped at once, the effect takes place later. */
  z.strictObject({ kind: z.literal('delay-effect'), ms: z.number().nonnegative() }),
  /** What the call creates is unseen by reads for a while. */
  z.strictObject({ kind: z.literal('stale-reads'), seconds: z.number().positive() }),
]);

export const faultSchema = z.strictObject({
  match: z.strictObject({
    service: z.string(),
    /** `*` and `?` are wildcards. */
    action: z.string(),
    /** Strikes from the nth matching call on, the first being 1. */
    nth: z.number().int().positive().default(1),
    times: z.number().int().positive().optional(),
    /** Parameters by name, patterns allowed: `InstanceId.1`, for S3 `bucket` and `key`, for others `path`. */
    params: z.record(z.string(), z.string()).default({}),
  }),
  effect: effectSchema,
});

export type Fault = z.infer<typeof faultSchema>;
export type FaultInput = z.input<typeof faultSchema>;
export type FaultEffect = Fault['effect'];

interface Armed extends Fault {
  readonly id: string;
  seen: number;
  struck: number;
}

export class Faults {
  #armed: Armed[] = [];
  #next = 1;

  add(fault: Fault): string {
    const id = `fault-${this.#next++}`;
    this.#armed.push({ ...fault, id, seen: 0, struck: 0 });
    return id;
  }

  clear(): void {
    this.#armed = [];
  }

  list(): ReadonlyArray<Fault & { id: string; seen: number; struck: number }> {
    return this.#armed;
  }

  /** Effects that strike this call; counts it. */
  strike(service: string, action: string, param: (name: string) => string | undefined): FaultEffect[] {
    const effects: FaultEffect[] = [];
    for (const fault of this.#armed) {
      const { match } = fault;
      if (match.service !== service || !matchesPattern(match.action, action)) continue;
      if (
        !Object.entries(match.params).every(([name, pattern]) => matchesPattern(pattern, param(name) ?? ''))
      )
        continue;
      fault.seen += 1;
      if (fault.seen < match.nth || fault.struck >= (match.times ?? Number.POSITIVE_INFINITY)) continue;
      fault.struck += 1;
      effects.push(fault.effect);
    }
    return effects;
  }
}

/** How the service says that it is called too often. */
export function throttleError(service: string): { code: string; message: string; status: number } {
  if (service === 'ec2')
    return { code: 'RequestLimitExceeded', message: 'Request limit exceeded.', status: 503 };
  if (service === 's3') return { code: 'SlowDown', message: 'Please reduce your request rate.', status: 503 };
  if (service === 'kms' || service === 'ssm')
    return { code: 'ThrottlingException', message: 'Rate exceeded', status: 400 };
  return { code: 'Throttling', message: 'Rate exceeded', status: 400 };
}
