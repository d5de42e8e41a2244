import { z } from 'zod';
import type { NodeSeen } from '../activities/checks/nodes.ts';
import { operationInput } from '../domain/operations.ts';
import type { Kind } from '../domain/resources/index.ts';
import { machineFolder } from '../domain/zone/join.ts';
import { nodeStep } from '../domain/zone/machine-steps.ts';
import { manifestKey, type ManifestEntry } from '../domain/zone/manifest.ts';
import { drainSteps, NO_RETURN, planRemove, type RemovePlan } from '../domain/zone/remove.ts';
import { blockedText } from '../domain/zone/drain.ts';
import { approve } from './approval.ts';
import { leaveEtcd, refuseBelowQuorum } from './director-leaves.ts';
import { drainNode } from './drain.ts';
import { failLeftover } from './ending.ts';
import { zoneParts } from './manifest.ts';
import type { Operation } from './operation.ts';
import { purgeEvidence, undoOfPart } from './parts.ts';
import { declined } from './questions.ts';
import { runOperation } from './run-operation.ts';
import { applyPlan } from './steps.ts';
import { unwind } from './undo.ts';

export const nodeRemoveInput = operationInput.extend({
  zone: z.string().min(1),
  bucket: z.string().min(3),
  machine: z.string().min(1),
  /** Absent for a machine that was begun and of which no instance is known. */
  instanceId: z
    .string()
    .regex(/^i-[0-9a-f]+$/, 'the id of an instance')
    .optional(),
  force: z.boolean().default(false),
  last: z.boolean().default(false),
  /** How long pods may take to leave before a person is asked, milliseconds. */
  drainDeadlineMs: z
    .number()
    .int()
    .positive()
    .default(15 * 60_000),
});
export type NodeRemoveInput = z.output<typeof nodeRemoveInput>;

export interface NodeRemoveResult {
  readonly zone: string;
  readonly machine: string;
  /** Empty where none was known. */
  readonly instanceId: string;
  /** Parts of the zone that are gone. */
  readonly removed: number;
  /** Pods that were asked to go. */
  readonly evicted: number;
}

const MINUTE = 60_000;

/**
 * Removes one machine from an active zone: drained where it can be, then terminated, then forgotten. An abort before
 * the machine is terminated restores everything; after it there is no way back.
 */
export const nodeRemove = (raw: unknown): Promise<NodeRemoveResult> =>
  runOperation(nodeRemoveInput, raw, async (operation, input) => {
    const name = { bucket: input.bucket, key: manifestKey(input.zone) };
    const about = await operation.check('manifest.about', name, 'reading the manifest');
    const wanted = { ...name, prefixes: [machineFolder(input.machine)] };
    const parts = await operation.check('manifest.parts', wanted, `reading the parts of ${input.machine}`);
    const plan = planRemove(about, parts, input);
    const alive = await isAlive(operation, plan);
    const seen = await look(operation, plan);
    await refuseBelowQuorum(operation, plan);
    await approve(operation, plan.hash, question(plan, seen));
    const manifest = zoneParts(operation, input);
    await manifest.hold();
    if (seen?.uid !== undefined) await empty(operation, plan, { ...seen, uid: seen.uid }, alive, input);
    await refuseBelowQuorum(operation, plan);
    await operation.noReturn(NO_RETURN, async () => {
      await leaveEtcd(operation, plan);
      await operation.orDecide(`removing ${plan.machine}`, () => unmake(operation, plan, parts));
      await manifest.forget(parts.map(({ step }) => step));
      await purgeEvidence(operation, input.bucket, parts);
    });
    const { zone, machine, instanceId } = plan;
    return { zone, machine, instanceId, removed: parts.length, evicted: seen?.evict.length ?? 0 };
  });

/** True for a machine that runs or may yet; false for one that is off for good or at least stands still. */
async function isAlive(operation: Operation, { instanceId, machine }: RemovePlan): Promise<boolean> {
  if (instanceId === '') return false;
  const { state } = await operation.check(
    'instance.look',
    { instanceId },
    `looking at the machine ${machine}`,
  );
  return state === 'running' || state === 'pending';
}

/** What the node carries. A zone in which nobody answers is not one to take machines from. */
const look = async (operation: Operation, { node, instanceId, machine, zone }: RemovePlan) =>
  node === undefined
    ? undefined
    : operation.check('node.look', { node, instanceId }, `looking at what ${machine} carries`, zone);

/** As a person approves it: what will block comes first. */
function question({ machine, domain }: RemovePlan, seen: NodeSeen | undefined): string {
  if (seen === undefined) return `remove ${machine} from ${domain}`;
  const blocked = seen.blocked.length > 0 ? ` (${blockedText(seen.blocked)})` : '';
  const lost = seen.lost.length > 0 ? `; nobody makes anew ${seen.lost.join(', ')}` : '';
  return `remove ${machine}${blocked} from ${domain}: ${seen.evict.length} pods are evicted${lost}`;
}

/** Empties the node, in the way that the state of its machine allows. */
async function empty(
  operation: Operation,
  plan: RemovePlan,
  seen: NodeSeen & { readonly uid: string },
  alive: boolean,
  { drainDeadlineMs }: NodeRemoveInput,
): Promise<void> {
  await mayLose(operation, plan, seen);
  const { leave } = drainSteps(plan);
  await applyPlan(operation, leave);
  const drained = alive && (await drainNode(operation, { ...plan, ...seen }, drainDeadlineMs));
  if (!drained) await takeFromDead(operation, plan);
}

/** Pods without a controller are gone for good: somebody must have said so. */
async function mayLose(
  operation: Operation,
  { force, machine }: RemovePlan,
  { lost }: NodeSeen,
): Promise<void> {
  if (force || lost.length === 0) return;
  const choice = await operation.ask({
    id: 'lost-pods',
    text: `Nobody makes anew ${lost.join(', ')} once ${machine} is gone: delete them?`.slice(0, 500),
    choices: ['delete', 'abort'],
    default: 'abort',
  });
  if (choice !== 'delete') throw declined(`Pods without a controller stay: ${lost.join(', ')}`);
}

/** A machine that is terminated takes its node with it. One that is only off could come back: Kubernetes is told first. */
async function takeFromDead(operation: Operation, plan: RemovePlan): Promise<void> {
  const { instanceId, machine, node = '', zone } = plan;
  const { state } = await operation.check(
    'instance.look',
    { instanceId },
    `looking at the machine ${machine}`,
  );
  if (state === 'terminated' || state === 'shutting-down') return;
  await operation.waitFor(
    'instance.state',
    { instanceId, until: 'stopped' },
    { what: `machine ${machine} to stand still`, giveUpMs: 15 * MINUTE, progressMs: 2 * MINUTE },
  );
  await applyPlan(operation, drainSteps(plan).off);
  await operation.waitFor(
    'node.empty',
    { node, instanceId },
    {
      what: `Kubernetes to take the pods of ${machine} away`,
      giveUpMs: 15 * MINUTE,
      progressMs: 2 * MINUTE,
      zone,
    },
  );
}

/** The machine first: what runs could register again. Then its node, then what led to it. */
async function unmake(
  operation: Operation,
  plan: RemovePlan,
  parts: readonly ManifestEntry[],
): Promise<void> {
  const layerOf = (kind: Kind): number => (kind === 'instance' ? 3 : kind === 'node' ? 2 : 1);
  const { zone } = plan;
  const entries = [...parts, ...nodeEntry(plan, parts)].map((part) =>
    undoOfPart(part, layerOf(part.kind), zone),
  );
  const stuck = await unwind(entries, operation);
  if (stuck.length > 0) throw failLeftover(operation, stuck, []);
}

/** The Node object of a machine that the zone was created with, which its manifest does not list. */
function nodeEntry(
  { machine, node, instanceId }: RemovePlan,
  parts: readonly ManifestEntry[],
): ManifestEntry[] {
  const [first] = parts;
  const step = nodeStep(machine);
  if (node === undefined || first === undefined || parts.some((part) => part.step === step)) return [];
  return [
    {
      step,
      kind: 'node',
      owner: { ...first.owner, step },
      plan: { node, instanceId },
      ref: { id: instanceId },
    },
  ];
}
