import type { Drained, NodeSeen } from '../activities/checks/nodes.ts';
import { blockedKey, blockedText, type Blocked } from '../domain/zone/drain.ts';
import type { RemovePlan } from '../domain/zone/remove.ts';
import { failureType } from './failure-types.ts';
import { activity, type Operation } from './operation.ts';
import { declined } from './questions.ts';
import { wait } from './retries.ts';

type DrainedNode = RemovePlan & NodeSeen & { readonly uid: string };

/**
 * Evicts what must leave a node and says all the time which pod is kept by which budget. At the deadline a person
 * decides: wait as long again, delete without asking budgets, or abort.
 *
 * @returns false when the machine died meanwhile: its pods will not end by themselves
 */
export async function drainNode(
  operation: Operation,
  plan: DrainedNode,
  deadlineMs: number,
): Promise<boolean> {
  let skipBudgets = false;
  for (let round = 1; ; round++) {
    const end = await drainUntil(operation, plan, deadlineMs, skipBudgets);
    if (end === 'empty' || end === 'dead') return end === 'empty';
    const still = await stillThere(operation, plan);
    // The last pod went just when the deadline came.
    if (still === undefined) return true;
    const choice = await operation.ask({
      id: `drain-${round}`,
      text: still,
      choices: ['wait', 'skip-budgets', 'abort'],
      default: 'abort',
    });
    if (choice === 'abort') throw declined(`${plan.machine} was not drained in time`);
    skipBudgets ||= choice === 'skip-budgets';
  }
}

async function drainUntil(
  operation: Operation,
  plan: DrainedNode,
  deadlineMs: number,
  skipBudgets: boolean,
): Promise<'empty' | 'dead' | 'late'> {
  const { node = '', instanceId, uid, machine } = plan;
  const until = Date.now() + deadlineMs;
  let known: { ready: boolean; blocked: readonly Blocked[] } = { ready: plan.ready, blocked: plan.blocked };
  for (;;) {
    await operation.gate();
    const left = until - Date.now();
    if (left <= 0) return 'late';
    const then = 'a person decides: wait, skip the budgets, or abort';
    const seen = await operation.account.during(
      { what: whatFor(machine, known.blocked), until: new Date(until).toISOString(), then },
      () =>
        orLate(
          activity(
            'node.drain',
            {
              ...{ node, instanceId, uid, operation: operation.id, skipBudgets },
              known: { ready: known.ready, blocked: blockedKey(known.blocked) },
            },
            { ...wait(left), summary: `draining ${machine}` },
            plan.zone,
          ),
        ),
    );
    if (seen === 'late') return 'late';
    // A Node object that somebody deleted has no pods to move any more.
    if (seen.state !== 'changed') return 'empty';
    known = seen;
    if (!seen.ready && (await isOff(operation, plan))) return 'dead';
  }
}

const whatFor = (machine: string, blocked: readonly Blocked[]): string =>
  blocked.length === 0
    ? `the pods of ${machine} to leave`
    : `the pods of ${machine} to leave: ${blockedText(blocked)}`;

/** The deadline of the drain is no failure of it. */
async function orLate(draining: Promise<Drained>): Promise<Drained | 'late'> {
  try {
    return await draining;
  } catch (error) {
    if (failureType(error) === 'CloudUnavailable' || failureType(error) === 'GateFailed') return 'late';
    throw error;
  }
}

/** A node that reports nothing may be cut off; only EC2 can say that its machine is off. */
async function isOff(operation: Operation, { instanceId, machine }: DrainedNode): Promise<boolean> {
  const { state } = await operation.check(
    'instance.look',
    { instanceId },
    `looking at the machine ${machine}`,
  );
  return state !== 'running' && state !== 'pending';
}

/** What a person is asked about; `undefined` when nothing is left to move. */
async function stillThere(operation: Operation, plan: DrainedNode): Promise<string | undefined> {
  const { node = '', instanceId, machine, zone } = plan;
  const seen = await operation.check(
    'node.look',
    { node, instanceId },
    `looking at what ${machine} carries`,
    zone,
  );
  if (seen.evict.length === 0) return undefined;
  const why = seen.blocked.length > 0 ? blockedText(seen.blocked) : `not gone yet: ${seen.evict.join(', ')}`;
  return `${machine} is not drained in time: ${why}. Wait as long again, delete the pods without asking budgets, or abort?`;
}
