import { ApplicationFailure, Context } from '@temporalio/activity';
import type { EffectInput } from '../../activities/effect.ts';
import type { Kind } from '../../domain/resources/index.ts';

/** What a call shall do instead of succeeding. */
export interface Trouble {
  /** Before or after the effect has happened. */
  readonly when?: 'before' | 'after';
  readonly type: string;
  readonly retryable?: boolean;
  readonly nextDelayMs?: number;
  readonly details?: Readonly<Record<string, unknown>>;
  /** How often; for ever without it. */
  readonly times?: number;
}

/** A call that is kept from going on. */
export interface Held {
  /** Resolves when the call has begun. */
  readonly began: Promise<void>;
  release(): void;
}

interface Thing {
  readonly kind: Kind;
  readonly step: string;
  readonly incarnation: number;
}

const MEET_MS = 5_000;

/**
 * The cloud of one toy operation: remembers what exists and every call, and fails or holds calls on order.
 * Calls are named as in `vpc.create vpc` or `sweep`.
 */
export class ToyCloud {
  /** Calls in the order in which they began, every attempt. */
  readonly calls: string[] = [];
  /** The same, with `began` and `ended`. */
  readonly events: string[] = [];
  /** When each call began, in the server's skipped time. */
  readonly times: number[] = [];
  readonly things = new Map<string, Thing>();
  readonly records: Array<{ operation: string; content: Record<string, unknown> }> = [];
  /** Ids that each sweep shall find although no step made them; taken from the front. */
  readonly late: string[][] = [];
  /** How long a sweep asks to be done again after. */
  sweepAgainMs = 60_000;
  /** True to let a sweep find without being able to remove. */
  sticky = false;
  readonly #troubles = new Map<string, { trouble: Trouble; left: number }>();
  readonly #gates = new Map<string, { began: () => void; open: Promise<void>; heedsCancel: boolean }>();
  readonly #meetings: Array<{ readonly expected: ReadonlySet<string>; readonly come: Set<string> }> = [];
  readonly #now: () => Promise<number>;
  readonly #open = Promise.withResolvers<void>();
  #made = 0;

  constructor(now: () => Promise<number>) {
    this.#now = now;
  }

  /** No call is answered before. */
  open(): void {
    this.#open.resolve();
  }

  fail(call: string, trouble: Trouble): void {
    this.#troubles.set(call, { trouble, left: trouble.times ?? Infinity });
  }

  heal(call: string): void {
    this.#troubles.delete(call);
  }

  /** Keeps a call from its effect until released; one that heeds cancellation ends when it is cancelled. */
  hold(call: string, options: { readonly heedsCancel?: boolean } = {}): Held {
    const began = Promise.withResolvers<void>();
    const open = Promise.withResolvers<void>();
    this.#gates.set(call, {
      began: began.resolve,
      open: open.promise,
      heedsCancel: options.heedsCancel ?? false,
    });
    return { began: began.promise, release: () => open.resolve() };
  }

  /** Lets each of these calls end only when all of them have begun. */
  meet(...calls: string[]): void {
    this.#meetings.push({ expected: new Set(calls), come: new Set() });
  }

  /** Steps of calls of one verb, in order: `steps('delete')`. */
  steps(verb: string): string[] {
    return this.calls.filter((call) => call.includes(`.${verb} `)).map((call) => call.split(' ')[1] ?? '');
  }

  count(call: string): number {
    return this.calls.filter((one) => one === call).length;
  }

  async perform(activity: string, input: unknown): Promise<unknown> {
    const call = nameOf(activity, input);
    await this.#open.promise;
    const now = await this.#now(); // stands still while an activity runs
    this.calls.push(call);
    this.times.push(now);
    this.events.push(`began ${call}`);
    try {
      await this.#wait(call);
      this.#raise(call, 'before');
      const result = this.#effect(activity, input);
      this.#raise(call, 'after');
      return result;
    } finally {
      this.events.push(`ended ${call}`);
    }
  }

  async #wait(call: string): Promise<void> {
    const meeting = this.#meetings.find(({ expected }) => expected.has(call));
    meeting?.come.add(call);
    const deadline = Date.now() + MEET_MS;
    while (meeting && meeting.come.size < meeting.expected.size) {
      if (Date.now() > deadline) throw ApplicationFailure.nonRetryable(`${call} was left alone`, 'LeftAlone');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const gate = this.#gates.get(call);
    if (!gate) return;
    gate.began();
    const context = Context.current();
    const beats = setInterval(() => context.heartbeat(), 50);
    try {
      await (gate.heedsCancel ? Promise.race([gate.open, context.cancelled]) : gate.open);
    } finally {
      clearInterval(beats);
    }
  }

  #raise(call: string, when: 'before' | 'after'): void {
    const entry = this.#troubles.get(call);
    if (!entry || entry.left <= 0 || (entry.trouble.when ?? 'before') !== when) return;
    entry.left -= 1;
    const { type, retryable = false, nextDelayMs, details } = entry.trouble;
    throw ApplicationFailure.create({
      type,
      nonRetryable: !retryable,
      message: `${call}: ${type}`,
      ...(details ? { details: [details] } : {}),
      ...(nextDelayMs === undefined ? {} : { nextRetryDelay: nextDelayMs }),
    });
  }

  #effect(activity: string, input: unknown): unknown {
    if (activity === 'sweep') return this.#sweep(input as { kept: string[] });
    if (activity === 'record.write') return void this.records.push(input as (typeof this.records)[number]);
    const [kind, verb] = activity.split('.') as [Kind, string];
    if (verb === 'create') return { id: this.#create(kind, input as EffectInput) };
    if (verb === 'delete') for (const id of this.#idsOf(input as EffectInput)) this.things.delete(id);
    return undefined;
  }

  #create(kind: Kind, { owner: { step, incarnation } }: EffectInput): string {
    const [known] = this.#idsOf({ owner: { step, incarnation } });
    if (known !== undefined) return known;
    const id = `${step}-${++this.#made}`;
    this.things.set(id, { kind, step, incarnation });
    return id;
  }

  #idsOf({ owner }: { readonly owner: Pick<EffectInput['owner'], 'step' | 'incarnation'> }): string[] {
    const mine = ({ step, incarnation }: Thing) => step === owner.step && incarnation === owner.incarnation;
    return [...this.things].filter(([, thing]) => mine(thing)).map(([id]) => id);
  }

  #sweep({ kept }: { readonly kept: readonly string[] }) {
    for (const id of this.late.shift() ?? [])
      this.things.set(id, { kind: 'vpc', step: 'late', incarnation: 1 });
    const left = [...this.things].filter(([id]) => !kept.includes(id));
    if (!this.sticky) for (const [id] of left) this.things.delete(id);
    return { left: left.map(([id, { kind }]) => ({ kind, id })), againAfterMs: this.sweepAgainMs };
  }
}

function nameOf(activity: string, input: unknown): string {
  const owner = (input as Partial<EffectInput> | undefined)?.owner;
  if (!owner) return activity;
  return `${activity} ${owner.step}${owner.incarnation > 1 ? `#${owner.incarnation}` : ''}`;
}
