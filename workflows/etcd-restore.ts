import { ApplicationFailure, isCancellation, patched, TemporalFailure } from '@temporalio/workflow';
import { z } from 'zod';
import type { BackupOrigin } from '../domain/etcd/backup.ts';
import { operationInput } from '../domain/operations.ts';
import { ZONE_KINDS, type Kind } from '../domain/resources/index.ts';
import { nodeName } from '../domain/pki/facts.ts';
import { machineFolder } from '../domain/zone/join.ts';
import { instanceStep } from '../domain/zone/machine-steps.ts';
import { manifestKey, type ManifestEntry } from '../domain/zone/manifest.ts';
import { haltStep, planRestore, revisionBump, type RestorePlan } from '../domain/zone/restore.ts';
import { nodeUserData } from '../machine/node-user-data.ts';
import { approve } from './approval.ts';
import { asStep, prove } from './backup-proof.ts';
import { failLeftover } from './ending.ts';
import { backUp, keep } from './etcd-backup.ts';
import { restoredDiscovery } from './etcd-restore-discovery.ts';
import { rootMessage } from './failure-types.ts';
import { zoneParts } from './manifest.ts';
import { activity, type Operation } from './operation.ts';
import { declined } from './questions.ts';
import { wait } from './retries.ts';
import { runOperation } from './run-operation.ts';
import { applyPlan, type Refs } from './steps.ts';
import { unwind, type UndoEntry } from './undo.ts';

export const etcdRestoreInput = operationInput.extend({
  zone: z.string().min(1),
  bucket: z.string().min(3),
  backup: z.string().min(1),
});
export type EtcdRestoreInput = z.output<typeof etcdRestoreInput>;

export interface EtcdRestoreResult {
  readonly zone: string;
  readonly backup: string;
  readonly director: { readonly machine: string; readonly instanceId: string };
  readonly replaced: string;
  /** The backup of what was there before; absent where there was no etcd to back up. */
  readonly safety?: string;
  /** Revision that the restored etcd had when it was looked at. */
  readonly revision: string;
}

/** Restores that began before leave the fresh discovery as it is until they end. */
const SEEDS_DISCOVERY = 'restore-seeds-discovery';

const MINUTE = 60_000;
/** How long an etcd may be silent before it is taken for dead. */
const DEAD_MS = 2 * MINUTE;
const PASSING: readonly Kind[] = ['instance-halt', 'snapshot-copy'];
const NO_RETURN = 'the director that was replaced is being terminated';

/**
 * Brings a zone's etcd back from a proven backup on a fresh director. Until the zone works again the old director is
 * only halted: whatever ends the restore before that starts it again.
 */
export const etcdRestore = (raw: unknown): Promise<EtcdRestoreResult> =>
  runOperation(etcdRestoreInput, raw, async (operation, input) => {
    const { plan, origin, refs, seen } = await planned(operation, input);
    await approve(operation, plan.hash, `restore etcd of ${plan.domain} from ${plan.backup}`);
    const safety = await saveWhatIsThere(operation, origin, input);
    const left = safety === undefined ? undefined : await leaveMark(operation, input.zone);
    const bumpRevision = revisionBump(plan.snapshot, [...seen, left?.revision ?? '0']);
    const manifest = zoneParts(operation, input, plan.steps);
    await manifest.hold();
    // What is there only until the zone works again is no part of it.
    const onMade: typeof manifest.note = (made) => {
      if (!PASSING.includes(made.kind)) manifest.note(made);
    };
    const made = await applyPlan(operation, await stepsNow(operation, plan, bumpRevision), { refs, onMade });
    const discovery = patched(SEEDS_DISCOVERY) ? await restoredDiscovery(operation, input, plan) : undefined;
    const { revision } = await zoneWorks(operation, input, plan, { mark: left?.mark, seed: discovery?.seed });
    await discovery?.works();
    await manifest.written();
    keep(operation);
    await removeCopy(operation);
    await removeOld(operation, input, plan, manifest);
    const { machine } = plan;
    return {
      zone: input.zone,
      backup: plan.backup,
      director: { machine: machine.name, instanceId: made.get(instanceStep(machine.name))?.id ?? '' },
      replaced: plan.old.instanceId,
      ...(safety === undefined ? {} : { safety }),
      revision,
    };
  });

/** The same plan as the command line's, from the same manifest. */
async function planned(operation: Operation, { zone, bucket, backup }: EtcdRestoreInput) {
  const name = { bucket, key: manifestKey(zone) };
  const about = await operation.check('manifest.about', name, 'reading the manifest');
  const found = await operation.check('backup.describe', { bucket, zone, backup }, 'looking at the backup');
  const directors = about.machines.map(instanceStep);
  const instances = await operation.check(
    'manifest.parts',
    { ...name, steps: directors },
    'reading its machines',
  );
  const plan = planRestore(about, found, instances, nodeUserData);
  const parts = await operation.check(
    'manifest.parts',
    { ...name, steps: plan.needs },
    'reading the parts that it uses',
  );
  const refs: Refs = new Map(parts.map(({ step, ref }) => [step, ref]));
  const origin: BackupOrigin = { zone, domain: about.domain, zoneCreatedAt: about.createdAt };
  return { plan, origin, refs, seen: found.seen };
}

/** A proven backup of what there is now; where nothing answers, a person says whether to go on without one. */
async function saveWhatIsThere(
  operation: Operation,
  origin: BackupOrigin,
  { zone, bucket }: EtcdRestoreInput,
): Promise<string | undefined> {
  const silent = await silence(operation, zone);
  if (silent === undefined) {
    await backUp(operation, origin, bucket, 60 * MINUTE);
    await operation.orDecide('proof', () =>
      asStep(operation, 'proof', 'proving the safety backup', () =>
        prove(operation, { bucket, zone, backup: operation.id }, 60 * MINUTE),
      ),
    );
    return operation.id;
  }
  const choice = await operation.ask({
    id: 'no-safety-backup',
    text: `etcd of ${origin.domain} does not answer (${silent}), so what is in it cannot be backed up first. Restore all the same?`.slice(
      0,
      500,
    ),
    choices: ['restore', 'abort'],
    default: 'abort',
  });
  if (choice !== 'restore') throw declined('Nothing is restored over an etcd that could not be backed up');
  return undefined;
}

/** Why etcd does not answer; `undefined` when it does. */
async function silence(operation: Operation, zone: string): Promise<string | undefined> {
  await operation.gate();
  const what = 'etcd to answer, so that what is in it can be backed up';
  const until = new Date(Date.now() + DEAD_MS).toISOString();
  try {
    await operation.account.during({ what, until, then: 'you are asked whether to go on' }, () =>
      activity('etcd.health', {}, { ...wait(DEAD_MS), summary: `waiting for ${what}` }, zone),
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof TemporalFailure) || isCancellation(error)) throw error;
    return rootMessage(error);
  }
}

/** Written after every backup that can be restored: the restored etcd must not have it. */
const leaveMark = (operation: Operation, zone: string) =>
  operation.check('etcd.mark', { mark: operation.id }, 'marking the etcd of now', zone);

/** A director that stands still already is not halted, so that giving up does not start it. */
async function stepsNow(
  operation: Operation,
  { steps: planned, old }: RestorePlan,
  bumpRevision: number,
): Promise<RestorePlan['steps']> {
  const { instanceId, machine } = old;
  // Only now is it known which revisions the etcd that is replaced has had.
  const steps = planned.map((step) =>
    step.kind === 'snapshot-copy' ? { ...step, plan: { ...step.plan, bumpRevision } } : step,
  );
  const { state } = await operation.check('instance.look', { instanceId }, `looking at ${machine}`);
  if (state === 'running' || state === 'pending') return steps;
  const halt = haltStep(machine);
  return steps
    .filter(({ step }) => step !== halt)
    .map((step) => ({ ...step, after: (step.after ?? []).filter((name) => name !== halt) }));
}

/** Real answers, from etcd up to a pod, by the way that everybody takes. */
async function zoneWorks(
  operation: Operation,
  { zone, bucket }: EtcdRestoreInput,
  { machine, snapshot, hash }: RestorePlan,
  { mark, seed }: { readonly mark: string | undefined; readonly seed: (() => Promise<void>) | undefined },
) {
  const waiting = (what: string) => ({ what, giveUpMs: 30 * MINUTE, progressMs: 5 * MINUTE, zone });
  const name = { bucket, key: manifestKey(zone) };
  await operation.waitFor(
    'etcd.health',
    { members: 1 },
    waiting('the restored etcd to take and give back a value'),
  );
  const restored = {
    nonce: snapshot.nonce,
    servers: [machine.privateIp],
    ...(mark === undefined ? {} : { mark }),
  };
  const found = await operation.waitFor(
    'etcd.restored',
    restored,
    waiting('the restored etcd to hold what it must'),
  );
  await seed?.();
  await operation.waitFor('apiserver.ready', {}, waiting('the API server to be ready'));
  await operation.waitFor('components.ready', {}, waiting('controller-manager and scheduler'));
  const { machines } = await operation.check('manifest.about', name, 'reading the manifest');
  const workers = machines.filter((one) => one.startsWith('worker-')).map(instanceStep);
  const instances = await operation.check(
    'manifest.parts',
    { ...name, steps: workers },
    'reading its workers',
  );
  for (const { ref } of instances) {
    const node = nodeName({ instanceId: ref.id, role: 'worker' });
    await operation.waitFor('node.ready', { node, instanceId: ref.id }, waiting(`node ${node} to be ready`));
  }
  const probe = { name: `restore-${hash.slice(0, 8)}` };
  await operation.waitFor('pod.answers', probe, waiting('a pod to answer'));
  await operation.check('pod.remove', probe, 'removing the pod that answered', zone);
  return found;
}

/** All that is in etcd lies in it; once the member has begun nobody needs it. */
async function removeCopy(operation: Operation): Promise<void> {
  const isCopy = ({ kind }: UndoEntry): boolean => kind === 'snapshot-copy';
  // What cannot be removed now stays registered, and is not forgotten.
  const stuck = await unwind(operation.undos.filter(isCopy), operation);
  if (stuck.length > 0)
    throw ApplicationFailure.nonRetryable('Cannot remove the copy of the snapshot', 'Leftover');
}

/** What is left of the old director: its machine, what it was given, and what it wrote. */
async function removeOld(
  operation: Operation,
  { zone, bucket }: EtcdRestoreInput,
  { old }: RestorePlan,
  manifest: ReturnType<typeof zoneParts>,
): Promise<void> {
  const wanted = { bucket, key: manifestKey(zone), prefixes: [machineFolder(old.machine)] };
  const parts = await operation.check('manifest.parts', wanted, `reading the parts of ${old.machine}`);
  // What it was of an etcd went with that etcd.
  const left = parts.filter(({ kind }) => !(ZONE_KINDS as readonly Kind[]).includes(kind));
  await operation.noReturn(NO_RETURN, async () => {
    await operation.orDecide(`removing ${old.machine}`, async () => {
      const stuck = await unwind(
        left.map((part) => undoOf(part, zone)),
        operation,
      );
      if (stuck.length > 0) throw failLeftover(operation, stuck, []);
    });
    await manifest.forget(parts.map(({ step }) => step));
    const certificates = parts.find(({ kind }) => kind === 'machine-certificates')?.ref.id;
    if (certificates === undefined) return;
    const prefixes = [certificates.slice(0, certificates.lastIndexOf('/') + 1)] as const;
    await operation.check('store.purge', { bucket, prefixes }, 'deleting what it wrote');
  });
}

/** The machine first: what it was given lies in its way. */
const undoOf = ({ kind, owner, plan, ref }: ManifestEntry, zone: string): UndoEntry => ({
  kind,
  input: { owner, plan, known: ref } as UndoEntry['input'],
  layer: kind === 'instance' ? 2 : 1,
  temporary: false,
  zone,
});
