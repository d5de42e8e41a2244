/** `zonewright etcd restore`: bring a zone's etcd back from a proven backup, on a fresh director. */
import type { Backup } from '../../domain/etcd/catalogue.ts';
import { aboutZone, partsOf } from '../../domain/zone/manifest.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { planRestore } from '../../domain/zone/restore.ts';
import type { RestorePlan } from '../../domain/zone/restore.ts';
import { instanceStep } from '../../domain/zone/machine-steps.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import type { EtcdRestoreResult } from '../../workflows/etcd-restore.ts';
import { chooseBackup } from '../etcd/backups.ts';
import { EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { actor, startOperation } from '../operations.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import { conclude, follow } from './follow.ts';
import type { StartOptions } from './operation-options.ts';
import { duration } from './output.ts';
import type { Output } from './output.ts';

export interface RestoreOptions extends StartOptions {
  readonly plan?: boolean;
  readonly yes?: boolean;
}

/** Everything that is wrong with the backup or the zone is said before anything starts. */
export async function restoreEtcd(
  output: Output,
  manifest: ZoneManifest,
  backups: readonly Backup[],
  wanted: string,
  options: RestoreOptions,
): Promise<ExitCode> {
  const isFit = ({ state }: Backup): boolean => state === 'proven';
  const backup = chooseBackup(backups, wanted, manifest.zone, { isFit, what: 'proven backup' });
  const about = aboutZone(manifest);
  const instances = partsOf(manifest, { steps: about.machines.map(instanceStep) });
  const plan = planRestore(about, backup, instances, nodeUserData);
  const text = planText(plan, backup);
  if (options.plan === true) {
    const { steps, ...shown } = plan;
    output.result(
      { ...shown, steps: steps.map(({ step, kind, summary }) => ({ step, kind, summary })) },
      text,
    );
    return EXIT.done;
  }
  output.progress(text);
  await confirm(output, {
    question: `Restore etcd of ${plan.domain} from ${plan.backup}?`,
    yes: options.yes,
  });
  return withTemporal(async ({ client, context }) => {
    const { zone, environment } = plan;
    const handle = await startOperation(client, {
      type: 'EtcdRestore',
      id: `restore-${zone}`,
      whenRunning: 'FAIL',
      input: {
        ...{ zone, environment, backup: plan.backup, bucket: context.store.bucket, approvedPlan: plan.hash },
        ...{ actor: actor(), reason: options.reason },
      },
    });
    const outcome = await follow<EtcdRestoreResult>(client, handle, options);
    return conclude(output, outcome, options, restoredText);
  });
}

function planText(
  { domain, backup, snapshot, old, machine, hash }: RestorePlan,
  { startedAt }: Backup,
): string {
  const age = duration(Date.now() - Date.parse(startedAt));
  return [
    `restore etcd of ${domain}, plan ${hash.slice(0, 12)}`,
    `from      ${backup}, ${age} old, revision ${snapshot.lastRevision}; what was written since is lost`,
    `first     a backup of what is there now, proven`,
    `director  ${machine.name}, a new ${machine.instanceType} at ${machine.privateIp}`,
    `replaces  ${old.machine} (${old.instanceId}): halted, started again if this is given up, removed at the end`,
  ].join('\n');
}

const restoredText = ({ zone, backup, director, safety, revision }: EtcdRestoreResult): string =>
  [
    `${zone} runs on ${backup} at revision ${revision}; ${director.machine} is ${director.instanceId}`,
    ...(safety === undefined ? [] : [`what was there before is in ${safety}`]),
  ].join('\n');
