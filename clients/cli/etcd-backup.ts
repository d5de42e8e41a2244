/** `zonewright etcd backup`: back up a zone's etcd, now or at an interval. */
import type { Retention } from '../../domain/etcd/retention.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import type { EtcdBackupResult } from '../../workflows/etcd-backup.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { withTemporal } from './connect.ts';
import { activeZone, backupsOf } from './etcd-zone.ts';
import type { StartOptions } from './operation-options.ts';
import { duration, megabytes, table } from './output.ts';
import type { Output } from './output.ts';

interface BackUpOptions extends StartOptions {
  readonly every?: number;
  readonly keepLast: number;
  readonly keepHourly: number;
  readonly keepDaily: number;
  readonly keepWeekly: number;
  readonly plan?: boolean;
}

const rulesOf = ({ keepLast, keepHourly, keepDaily, keepWeekly }: BackUpOptions): Retention => ({
  last: keepLast,
  hourly: keepHourly,
  daily: keepDaily,
  weekly: keepWeekly,
});

export async function backUp(output: Output, name: string, options: BackUpOptions): Promise<ExitCode> {
  const manifest = await activeZone(name);
  const { zone, environment, domain } = manifest;
  if (options.plan === true) return showPlan(output, manifest, options);
  const { actor } = await import('../operations.ts');
  const { backupRequest } = await import('./etcd-request.ts');
  const { conclude, follow } = await import('./follow.ts');
  const retention = rulesOf(options);
  return withTemporal(async ({ client, context }) => {
    const input = { environment, bucket: context.store.bucket, retention };
    if (options.every !== undefined) {
      const { putSchedule, SHORTEST_MS } = await import('../schedules/put-schedule.ts');
      mustBeLong(options.every, SHORTEST_MS);
      const id = `backup-${zone}`;
      const { reason, every: everyMs } = options;
      const { created } = await putSchedule(client, {
        id,
        type: 'EtcdBackupRestore',
        zone,
        everyMs,
        input,
        reason,
      });
      const text = `schedule ${id} ${created ? 'made' : 'changed'}: ${domain} is backed up every ${duration(everyMs)}`;
      output.result({ schedule: id, created, everyMs, retention }, text);
      return EXIT.done;
    }
    const request = backupRequest(manifest, retention, context.store.bucket, '');
    const handle = await request.start(client, { actor: actor(), reason: options.reason });
    const outcome = await follow<EtcdBackupResult>(client, handle, options);
    return conclude(output, outcome, options, backedUpText);
  });
}

function mustBeLong(everyMs: number, shortest: number): void {
  if (everyMs >= shortest) return;
  throw new ClientError(EXIT.usage, `Cannot back up every ${duration(everyMs)}`, {
    expectation: `an interval of at least ${duration(shortest)}`,
  });
}

const backedUpText = ({ backup, snapshot, removed, notRemoved }: EtcdBackupResult): string =>
  [
    `${backup}: proven, ${megabytes(snapshot.bytes)}, ${snapshot.keys} keys, revision ${snapshot.lastRevision}`,
    ...removed.map((one) => `removed ${one}`),
    ...(notRemoved === undefined ? [] : [`old backups were not removed: ${notRemoved}`]),
  ].join('\n');

/** What would be kept and removed if the next backup were proven now. */
async function showPlan(output: Output, manifest: ZoneManifest, options: BackUpOptions): Promise<ExitCode> {
  const { retentionPlan } = await import('./etcd-request.ts');
  const { keep, remove, rows } = retentionPlan(await backupsOf(manifest.zone), rulesOf(options));
  const every = options.every === undefined ? 'once' : `every ${duration(options.every)}`;
  const text = `back up etcd of ${manifest.domain} ${every}, prove the backup, then:`;
  output.result(
    { zone: manifest.zone, everyMs: options.every ?? null, keep, remove },
    `${text}\n\n${table(['backup', '', 'because'], rows)}`,
  );
  return EXIT.done;
}
