import { patched } from '@temporalio/workflow';
import { z } from 'zod';
import type { BackupOrigin } from '../domain/etcd/backup.ts';
import { operationInput } from '../domain/operations.ts';
import type { Kind } from '../domain/resources/index.ts';
import { instanceStep } from '../domain/zone/machine-steps.ts';
import { manifestKey, refsOf } from '../domain/zone/manifest.ts';
import { haltStep, planRestore, revisionBump, type RestorePlan } from '../domain/zone/restore.ts';
import { nodeUserData } from '../machine/node-user-data.ts';
import { approve } from './approval.ts';
import { keep } from './etcd-backup.ts';
import { restoredDiscovery } from './etcd-restore-discovery.ts';
import { zoneWorks } from './etcd-restore-gates.ts';
import { removeCopy, removeOld } from './etcd-restore-leftovers.ts';
import { leaveMark, saveWhatIsThere } from './etcd-restore-safety.ts';
import { zoneParts } from './manifest.ts';
import type { Operation } from './operation.ts';
import { runOperation } from './run-operation.ts';
import { applyPlan, type Ledger } from './steps.ts';

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

const PASSING: readonly Kind[] = ['instance-halt', 'snapshot-copy'];

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
    const made = await applyPlan(operation, await stepsNow(operation, plan, bumpRevision), {
      refs,
      ledger: withoutPassing(manifest),
    });
    const discovery = patched(SEEDS_DISCOVERY) ? await restoredDiscovery(operation, input, plan) : undefined;
    const { revision } = await zoneWorks(operation, input, plan, { mark: left?.mark, seed: discovery?.seed });
    await discovery?.works();
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
  const origin: BackupOrigin = { zone, domain: about.domain, zoneCreatedAt: about.createdAt };
  return { plan, origin, refs: refsOf(parts), seen: found.seen };
}

/** What is there only until the zone works again is no part of it. */
const withoutPassing = (ledger: Ledger): Ledger => ({
  ...ledger,
  begin: async (begun) => {
    if (!PASSING.includes(begun.kind)) await ledger.begin(begun);
  },
  note: (made) => {
    if (!PASSING.includes(made.kind)) ledger.note(made);
  },
});

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
