import { isCancellation, scheduleActivity, TemporalFailure } from '@temporalio/workflow';
import type { EffectInput } from '../activities/effect.ts';
import { ZonewrightError } from '../domain/errors.ts';
import { dependenciesOf, layersOf, resolveOutputs, type PlannedStep } from '../domain/plan.ts';
import { resources, type Kind } from '../domain/resources/index.ts';
import type { Owner } from '../domain/resources/resource.ts';
import { failureType } from './failure-types.ts';
import type { Operation } from './operation.ts';
import { queueOf } from './queues.ts';
import { EFFECT, UNDO, wait } from './retries.ts';
import type { UndoEntry } from './undo.ts';

export type Refs = ReadonlyMap<string, Readonly<Record<string, unknown>> & { readonly id: string }>;
type Ref = Readonly<Record<string, unknown>> & { readonly id: string };

/** What a step is about to make, as a manifest keeps it: enough to describe and to undo it later. */
export interface Begun {
  readonly step: string;
  readonly kind: Kind;
  readonly owner: Owner;
  readonly plan: unknown;
}
export type Made = Begun & { readonly ref: Ref };

/** Where the steps of a plan are written down. */
export interface Ledger {
  /** Returns once it is written that a step is begun: only then is anything asked for. */
  readonly begin: (begun: Begun) => Promise<void>;
  /** Called after each step, in the order in which they end; in the next write at the latest. */
  readonly note: (made: Made) => void;
  /** Returns once all that was noted is written. */
  readonly written: () => Promise<void>;
}

export interface ApplyOptions {
  /** Outputs of earlier steps that this plan uses. */
  readonly refs?: Refs;
  /** Always undone at the end, also after success. */
  readonly temporary?: boolean;
  /** Which making this is; raised by a caller that deliberately makes the steps anew. */
  readonly incarnation?: number;
  /** Version of zonewright that makes it; a tag. */
  readonly version?: string;
  /** Where it is written what is begun and made, for what outlives the operation. */
  readonly ledger?: Ledger;
}

/**
 * Does the steps of a plan, each as soon as those it needs are done. The first failure that is not overcome lets
 * what runs come to its end, starts nothing more, and is thrown.
 */
export function applyPlan(
  operation: Operation,
  steps: readonly PlannedStep[],
  options: ApplyOptions = {},
): Promise<Refs> {
  const plan = applySteps(operation, steps, options);
  operation.running.add(plan);
  const done = () => operation.running.delete(plan);
  plan.then(done, done);
  return plan;
}

async function applySteps(
  operation: Operation,
  steps: readonly PlannedStep[],
  options: ApplyOptions,
): Promise<Refs> {
  const refs = new Map<string, Ref>(options.refs ?? []);
  const running = new Map<string, Promise<void>>();
  const base = operation.undos.reduce((top, entry) => Math.max(top, entry.layer), 0) + 1;
  const known = new Set(refs.keys());
  const local = steps.map((step) => ({
    step,
    needs: dependenciesOf(step).filter((name) => !known.has(name)),
  }));
  for (const { step } of local)
    operation.account.step(step.step, { state: 'waiting', summary: step.summary });
  for (const [depth, layer] of layersOf(steps, known).entries()) {
    for (const step of layer) {
      const needs = local.find((one) => one.step === step)?.needs ?? [];
      const task = Promise.all(needs.map((name) => running.get(name))).then(async () => {
        refs.set(
          step.step,
          await applyStep(operation, step, step.undoneLast ? base - 0.5 : base + depth, refs, options),
        );
      });
      task.catch(() => undefined); // looked at by allSettled below
      running.set(step.step, task);
    }
  }
  const ended = await Promise.allSettled(running.values());
  const reasons = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  if (reasons.length === 0) {
    await options.ledger?.written();
    return refs;
  }
  // A bug comes first: it undoes nothing. Then what was decided, with which all later steps were refused.
  throw reasons.find((reason) => !isFailure(reason)) ?? operation.ending ?? reasons[0];
}

const isFailure = (reason: unknown): boolean =>
  reason instanceof TemporalFailure || reason instanceof ZonewrightError;

async function applyStep(
  operation: Operation,
  planned: PlannedStep,
  layer: number,
  refs: Refs,
  options: ApplyOptions,
): Promise<Ref> {
  await operation.gate();
  const { step, kind, summary } = planned;
  const { zone } = operation.input;
  const plan = resolveOutputs(planned.plan, refs) as EffectInput['plan'];
  let incarnation = options.incarnation ?? 1;
  const inputOf = (): EffectInput => ({
    owner: ownerOf(operation, planned, incarnation, options.version),
    plan,
  });
  const register = () => {
    const entry: UndoEntry = {
      ...{ kind, input: inputOf(), layer, zone },
      temporary: options.temporary ?? false,
    };
    if (!planned.shared) operation.undos.push(entry);
    return entry;
  };
  let undo = register();
  const ref = await operation.orDecide(step, async () => {
    operation.account.step(step, { state: 'running', summary });
    await options.ledger?.begin({ step, kind, owner: inputOf().owner, plan });
    try {
      return await createAndSettle(operation, undo, summary);
    } catch (error) {
      // A machine that failed is not repaired: a retry makes a new one, after the old one is gone.
      if (isCancellation(error) || failureType(error) !== 'MachineFailed') throw error;
      await scheduleActivity(`${kind}.delete`, [{ ...inputOf(), fence: operation.fence }], {
        ...UNDO,
        taskQueue: queueOf(kind, zone),
        summary: `removing failed ${step}`,
      });
      incarnation += 1;
      undo = register();
      throw error;
    }
  });
  if (planned.shared) operation.shared.add(ref.id);
  operation.account.step(step, { state: 'done', made: ref.id });
  options.ledger?.note({ step, kind, owner: inputOf().owner, plan, ref });
  return ref;
}

/** Images and NAT gateways are known to take up to an hour on a bad day. */
const READY_GIVE_UP_MS = 2 * 3_600_000;
/** A machine that has not joined by then will not. */
const JOIN_GIVE_UP_MS = 30 * 60_000;

/** Making and waiting are two activities: in between, an abort or a look at the state can happen. */
async function createAndSettle(operation: Operation, undo: UndoEntry, summary: string): Promise<Ref> {
  const { account } = operation;
  const { kind, input } = undo;
  const { noun, waitsFor, readySeconds }: Pick<AnyKind, 'noun' | 'waitsFor' | 'readySeconds'> =
    resources[kind];
  const taskQueue = queueOf(kind, operation.input.zone);
  const create = () =>
    scheduleActivity<Ref>(`${kind}.create`, [{ ...input, fence: operation.fence }], {
      ...EFFECT,
      ...(waitsFor === undefined ? {} : { scheduleToCloseTimeout: JOIN_GIVE_UP_MS }),
      taskQueue,
      summary,
    });
  undo.unanswered = true;
  const ref =
    waitsFor === undefined
      ? await create()
      : await account.during(
          deadlineOf(`${noun} (${input.owner.step}): ${waitsFor}`, JOIN_GIVE_UP_MS),
          create,
        );
  undo.unanswered = false;
  if (readySeconds === undefined) return ref;
  const what = `${noun} ${ref.id} to be ready`;
  await account.during(deadlineOf(what, READY_GIVE_UP_MS), () =>
    scheduleActivity(`${kind}.ready`, [{ ...input, known: ref }], {
      ...wait(READY_GIVE_UP_MS),
      taskQueue,
      summary: `waiting for ${what}`,
    }),
  );
  return ref;
}

type AnyKind = (typeof resources)[Kind] & { readonly waitsFor?: string; readonly readySeconds?: number };

const deadlineOf = (what: string, giveUpMs: number) => ({
  what,
  until: new Date(Date.now() + giveUpMs).toISOString(),
  then: 'a person decides, or the default is taken',
});

function ownerOf(
  operation: Operation,
  planned: PlannedStep,
  incarnation: number,
  version: string | undefined,
): Owner {
  const { environment, zone } = operation.input;
  return {
    environment,
    operation: operation.id,
    step: planned.step,
    incarnation,
    name: planned.name,
    ...(zone === undefined ? {} : { zone }),
    ...(planned.role === undefined ? {} : { role: planned.role }),
    ...(version === undefined ? {} : { version }),
  };
}
