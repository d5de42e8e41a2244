import { Context } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import { NotYet, ZonewrightError } from '../domain/errors.ts';
import type { Fence } from '../domain/keeper/fence.ts';
import { parse } from '../domain/parse.ts';
import { resources, type Kind, type PlanOf, type RefOf } from '../domain/resources/index.ts';
import { ownerTags, type Owner } from '../domain/resources/resource.ts';
import { isAlreadyThere, isNotFound, isRefusal } from './cloud/cloud-errors.ts';
import { checkFence, type ReadFence } from './cloud/fences.ts';
import { asActivity } from './failures.ts';
import { beat } from './heartbeat.ts';

/** What an effect knows about the attempt it runs in. */
export interface EffectContext {
  readonly owner: Owner;
  /** hash(operation, step, incarnation), 64 characters: the client token where AWS takes one. Never random. */
  readonly token: string;
  /** Tags to create with; they name operation, step, incarnation and attempt. */
  readonly tags: Readonly<Record<string, string>>;
  /** Aborted when the activity is cancelled or its worker shuts down. */
  readonly signal: AbortSignal;
}

/** Something in the cloud that may be what a plan asks for. */
export interface Found<Ref> {
  readonly ref: Ref;
  /** True when the owner's tags (or, for what bears no tags, its parent and natural name) say that this step made it. */
  readonly owned: boolean;
  /** The attempt that made it; 0 where that is not recorded. */
  readonly attempt: number;
  /**
   * How it differs from the plan: "cidr is 10.0.0.0/16, planned 172.16.0.0/23". Empty when it is as planned, and
   * when it is only half made, as a crash leaves it: `complete` makes the rest.
   */
  readonly mismatch: readonly string[];
  /** On its way out: never adopted, and a removal waits until it is gone. */
  readonly leaving?: boolean;
}

/** Something an operation or zone left behind, as a sweep names it. */
export interface Leftover<Ref = unknown> {
  readonly id: string;
  readonly ref: Ref;
  /** Step and operation that its tags name; absent where it bears none. */
  readonly step?: string;
  readonly operation?: string;
}

/** What a sweep looks for: everything of one operation (and of the zone that it is about), or everything of one zone. */
export type SweepScope =
  | { readonly operation: string; readonly zone?: string }
  | { readonly zone: string; readonly environment: string };

/** All that a call which is no create needs to know. */
export type CallContext = Pick<EffectContext, 'signal'>;

/**
 * How one kind of resource is looked up, made and unmade. Without one of the four it does not compile.
 * Each method is a plain call or a few; retries, adoption, duplicates and waiting are `effectActivities`' work.
 */
export interface Effect<Plan, Ref> {
  /** Everything that bears this step's tags, or stands where the plan's natural name says. Read only. */
  describe(plan: Plan, context: EffectContext): Promise<readonly Found<Ref>[]>;
  /** Makes it by one call, tagged at creation. Called only after `describe` found nothing. */
  create(plan: Plan, context: EffectContext): Promise<Ref>;
  /**
   * Makes what one call could not: attachments, policies, attributes. Called after `create` and after each adoption,
   * so it must do nothing where nothing is missing. Returns the ref with what it learned.
   */
  complete?(ref: Ref, plan: Plan, context: EffectContext): Promise<Ref>;
  /** Unmakes it; succeeds when it is gone already. `plan` is absent in a sweep. */
  remove(ref: Ref, plan: Plan | undefined, context: CallContext): Promise<void>;
  /** Everything of this kind that the scope's tags name; `'with its parent'` where it cannot outlive its parent. */
  leftovers:
    ((scope: SweepScope, context: CallContext) => Promise<readonly Leftover<Ref>[]>) | 'with its parent';
  /** What it still waits for after creation, `undefined` when it is ready; absent where it is ready at once. */
  pending?(ref: Ref, plan: Plan, context: CallContext): Promise<string | undefined>;
  /** True for what all share: adopted wherever it is found, never removed. */
  readonly shared?: true;
}

export type Effects = { readonly [K in Kind]: Effect<PlanOf<K>, RefOf<K>> };

export interface EffectInput<K extends Kind = Kind> {
  readonly owner: Owner;
  readonly plan: PlanOf<K>;
  /** What an earlier run of this step returned: it wins over whatever else is found. */
  readonly known?: RefOf<K>;
  /** True for the undo of a step whose do was given up before it answered: what it asked for may still appear. */
  readonly mayAppear?: boolean;
  /** The operation's lease on the zone; absent for one that works on none. Nothing is made or unmade without it. */
  readonly fence?: Fence | undefined;
}

export interface EffectSettings {
  /** How long after an ambiguous answer a resource may still appear, milliseconds. */
  readonly consistencyWindowMs: number;
  /** A request that takes longer has an unknown outcome, milliseconds; none takes any time without it. */
  readonly requestTimeoutMs?: number;
  /** How often the cloud is asked while waiting, milliseconds. */
  readonly pollMs: number;
  /** Where fences are read. Without it every effect that carries one is refused. */
  readonly readFence?: ReadFence;
}

export const stepToken = (owner: Owner): string =>
  createHash('sha256')
    .update(JSON.stringify([owner.operation, owner.step, owner.incarnation]))
    .digest('hex');

/** The four activities of a kind: `<kind>.create`, `.delete`, `.describe`, `.ready`. */
export function effectActivities<K extends Kind>(
  kind: K,
  effect: Effect<PlanOf<K>, RefOf<K>>,
  settings: EffectSettings,
) {
  const { noun } = resources[kind];
  const planOf = (input: EffectInput<K>): PlanOf<K> =>
    parse(resources[kind].plan, input.plan, `the plan of step "${input.owner.step}"`) as PlanOf<K>;
  return {
    [`${kind}.create`]: asActivity(`create ${noun}`, (input: EffectInput<K>) =>
      createOnce(kind, effect, settings, input, planOf(input)),
    ),
    [`${kind}.delete`]: asActivity(`delete ${noun}`, (input: EffectInput<K>) =>
      removeAll(kind, effect, settings, input, planOf(input)),
    ),
    [`${kind}.describe`]: asActivity(`describe ${noun}`, (input: EffectInput<K>) =>
      effect.describe(planOf(input), contextOf(kind, input.owner)),
    ),
    [`${kind}.ready`]: asActivity(`wait for ${noun}`, async (input: EffectInput<K>) => {
      if (input.known === undefined || !effect.pending) return;
      const context = contextOf(kind, input.owner);
      const because = await effect.pending(input.known, planOf(input), context);
      if (because !== undefined) throw new NotYet(because, settings.pollMs);
    }),
  };
}

function contextOf(kind: Kind, owner: Owner): EffectContext {
  const { info, cancellationSignal } = Context.current();
  // A request is the same for its token in every attempt, tags included, or AWS refuses it.
  const attempt = resources[kind].identity === 'token' ? 1 : info.attempt;
  return { owner, token: stepToken(owner), tags: ownerTags(owner, attempt), signal: cancellationSignal };
}

async function createOnce<K extends Kind>(
  kind: K,
  effect: Effect<PlanOf<K>, RefOf<K>>,
  settings: EffectSettings,
  input: EffectInput<K>,
  plan: PlanOf<K>,
): Promise<RefOf<K>> {
  const context = contextOf(kind, input.owner);
  const admitted = fenceCheck(kind, 'create', settings, input, context);
  const look = () => adopt(kind, effect, input, plan, context, admitted);
  // A request that was sent takes effect all the same: on an abort its answer is awaited, so that its undo finds what
  // it made. The time-out of requests bounds that.
  const making = { ...context, signal: new AbortController().signal };
  const ref = (await look()) ?? (await lateArrival(kind, settings, look));
  // As late as can be: right before what cannot be taken back.
  await admitted();
  try {
    const made = ref ?? (await createNew(effect, plan, making, look));
    return effect.complete ? await effect.complete(made, plan, making) : made;
  } catch (error) {
    const unseen = isNotFound(error) || isAlreadyThere(error);
    throw unseen && withinWindow(settings) ? notSeenYet(kind, error, settings) : error;
  }
}

/** An earlier request may still take effect: making another before the window closes makes two. */
async function lateArrival<T>(kind: Kind, settings: EffectSettings, look: () => Promise<T | undefined>) {
  if (resources[kind].identity !== 'tags' || !mayHaveBeenIssued()) return undefined;
  const { currentAttemptScheduledTimestampMs } = Context.current().info;
  return untilClosed(
    currentAttemptScheduledTimestampMs + settings.consistencyWindowMs - Date.now(),
    settings,
    look,
  );
}

async function createNew<Plan, Ref>(
  effect: Effect<Plan, Ref>,
  plan: Plan,
  context: EffectContext,
  look: () => Promise<Ref | undefined>,
): Promise<Ref> {
  beat({ issued: true });
  try {
    return await effect.create(plan, context);
  } catch (error) {
    if (isRefusal(error)) beat({ issued: false });
    if (!isAlreadyThere(error)) throw error;
    // An attempt before this one was answered by nobody and took effect all the same; what is another's throws here.
    const made = await look();
    if (made !== undefined) return made;
    throw error;
  }
}

const withinWindow = ({ consistencyWindowMs }: EffectSettings): boolean =>
  Date.now() - Context.current().info.scheduledTimestampMs < consistencyWindowMs;

/** A request that was under way when this was scheduled has had its time, and what it made would be seen. */
const mayStillLand = ({ requestTimeoutMs = 0, consistencyWindowMs }: EffectSettings): boolean =>
  Date.now() - Context.current().info.scheduledTimestampMs < requestTimeoutMs + consistencyWindowMs;

/** Neither what an earlier step made nor what an earlier attempt made is seen everywhere at once. */
const notSeenYet = (kind: Kind, error: unknown, settings: EffectSettings): NotYet =>
  new NotYet(
    `waiting until the cloud agrees with itself about ${resources[kind].noun}: ${(error as Error).message}`,
    settings.pollMs,
  );

/** True when an earlier attempt may have sent the request without learning its answer. */
function mayHaveBeenIssued(): boolean {
  const { attempt, heartbeatDetails } = Context.current().info;
  if (attempt === 1) return false;
  const details = heartbeatDetails as { issued?: boolean } | undefined;
  return details?.issued ?? true;
}

async function untilClosed<T>(ms: number, settings: EffectSettings, look: () => Promise<T | undefined>) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    beat({ issued: true });
    await Context.current().sleep(Math.min(settings.pollMs, Math.max(1, end - Date.now())));
    const found = await look();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What this step made before, if anything; of several, one stays and the others are deleted. */
async function adopt<K extends Kind>(
  kind: K,
  effect: Effect<PlanOf<K>, RefOf<K>>,
  input: EffectInput<K>,
  plan: PlanOf<K>,
  context: EffectContext,
  admitted: () => Promise<void>,
): Promise<RefOf<K> | undefined> {
  const found = (await effect.describe(plan, context)).filter((one) => one.leaving !== true);
  const foreign = found.filter((one) => !one.owned || one.mismatch.length > 0);
  if (foreign.length > 0) throw foreignResource(kind, foreign, input.owner);
  const [first, ...others] = found.toSorted((a, b) => rank(a, input.known) - rank(b, input.known));
  if (others.length > 0) await admitted();
  for (const other of others) await effect.remove(other.ref, plan, context);
  return first?.ref;
}

/** Refuses once another operation holds the zone. Read each time: what was read before says nothing about now. */
const fenceCheck =
  <K extends Kind>(
    kind: K,
    verb: 'create' | 'delete',
    { readFence }: EffectSettings,
    { owner, fence }: EffectInput<K>,
    { signal }: EffectContext,
  ) =>
  (): Promise<void> =>
    checkFence(readFence, fence, `${verb} ${resources[kind].noun} of step "${owner.step}"`, signal);

const rank = <R>(found: Found<R>, known: R | undefined): number =>
  known !== undefined && idOf(found.ref) === idOf(known) ? -1 : found.attempt;

function foreignResource(kind: Kind, found: readonly Found<unknown>[], owner: Owner): ZonewrightError {
  const named = found.map(({ ref, owned, mismatch }) => {
    const why = mismatch.length > 0 ? mismatch.join(', ') : owned ? '' : 'it was not made by this operation';
    return `"${idOf(ref)}" (${why})`;
  });
  return new ZonewrightError(
    'ForeignResource',
    `Cannot adopt ${resources[kind].noun} for step "${owner.step}": ${named.join('; ')}`,
    { details: { kind, step: owner.step, ids: found.map((one) => idOf(one.ref)) } },
  );
}

async function removeAll<K extends Kind>(
  kind: K,
  effect: Effect<PlanOf<K>, RefOf<K>>,
  settings: EffectSettings,
  input: EffectInput<K>,
  plan: PlanOf<K>,
): Promise<void> {
  if (effect.shared) return;
  const context = contextOf(kind, input.owner);
  const look = async () =>
    (await effect.describe(plan, context)).filter((one) => one.owned && one.mismatch.length === 0);
  const mine = await look();
  if (mine.length > 0) await fenceCheck(kind, 'delete', settings, input, context)();
  for (const { ref } of mine) {
    beat();
    await effect.remove(ref, plan, context);
  }
  const left = mine.length === 0 ? [] : await look();
  if (left.length === 0) {
    if (input.mayAppear !== true || !mayStillLand(settings)) return;
    throw new NotYet(
      `waiting until ${resources[kind].noun} of step "${input.owner.step}" can no longer appear`,
      settings.pollMs,
    );
  }
  throw new NotYet(
    `waiting until ${resources[kind].noun} ${left.map((one) => `"${idOf(one.ref)}"`).join(', ')} is gone`,
    settings.pollMs,
  );
}

export const idOf = (ref: unknown): string => (ref as { id: string }).id;
