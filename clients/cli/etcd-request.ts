/** A backup of etcd, as it is started from anywhere. */
import { planRetention } from '../../domain/etcd/retention.ts';
import type { Retention } from '../../domain/etcd/retention.ts';
import type { Backup } from '../../domain/etcd/catalogue.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { withAws } from '../aws.ts';
import { ClientError, EXIT } from '../errors.ts';
import { listBackups } from '../etcd/backups.ts';
import { operationRequest } from '../requests.ts';
import type { OperationRequest } from '../requests.ts';
import { findZone } from '../zones/find-zone.ts';
import { table } from './output.ts';

/** What is kept where nobody says otherwise. */
export const USUAL: Retention = { last: 3, hourly: 24, daily: 7, weekly: 4 };

export const backupRequest = (
  { zone, environment, domain }: ZoneManifest,
  retention: Retention,
  bucket: string,
  plan: string,
): OperationRequest =>
  operationRequest(
    {
      type: 'EtcdBackupRestore',
      id: `backup-${zone}`,
      whenRunning: 'FAIL',
      input: { environment, bucket, retention, zone },
    },
    // Which backups go is decided once the new one is proven, so the plan that is approved is its rules.
    { question: `Back up etcd of ${domain}?`, plan, hash: JSON.stringify(retention) },
  );

/** What would be kept and removed if the next backup were proven now. */
export function retentionPlan(backups: readonly Backup[], rules: Retention) {
  const next = { backup: '(the new one)', state: 'proven' as const, startedAt: new Date().toISOString() };
  const { keep, remove } = planRetention([next, ...backups], rules);
  const rows = [
    ...keep.map(({ backup, because }) => [backup, 'stays', because.join(', ')]),
    ...remove.map((backup) => [backup, 'goes', 'no rule keeps it']),
  ];
  return { keep, remove, rows };
}

/** Plans a backup by the usual rules. @throws {ClientError} when there is no such zone, or it is not active */
export async function prepareBackup(
  context: Parameters<typeof withAws>[0],
  name: string,
): Promise<OperationRequest> {
  const manifest = await findZone(name);
  if (manifest.state !== 'active') {
    throw new ClientError(EXIT.refused, `Cannot back up zone "${manifest.domain}": it is ${manifest.state}`);
  }
  const { bucket } = context.store;
  const backups = await withAws(context, (aws) => listBackups(aws, bucket, manifest.zone));
  const { rows } = retentionPlan(backups, USUAL);
  const text = `back up etcd, prove the backup, then:\n\n${table(['backup', '', 'because'], rows)}`;
  return backupRequest(manifest, USUAL, bucket, text);
}
