/** `zonewright etcd`: back up a zone's etcd, list and prove backups, bring a zone back from one. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { ProofRecord } from '../../domain/etcd/backup.ts';
import type { Backup } from '../../domain/etcd/catalogue.ts';
import type { Retention } from '../../domain/etcd/retention.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import type { EtcdBackupResult } from '../../workflows/etcd-backup.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { withTemporal } from './connect.ts';
import type { RestoreOptions } from './etcd-restore.ts';
import { parseDuration, withStartOptions } from './operation-options.ts';
import type { StartOptions } from './operation-options.ts';
import { duration, table, verb } from './output.ts';
import type { Output } from './output.ts';

const ZONE = 'e.g. zone03';

export function addEtcdCommands(program: Command): void {
  const etcd = program.command('etcd').description("backups of a zone's etcd: make, list, prove, restore");
  withStartOptions(etcd.command('backup').argument('<zone>', ZONE))
    .option(
      '--every <duration>',
      'not now but at this interval, e.g. 1h: makes or changes a schedule',
      parseDuration,
    )
    .option('--keep-last <count>', 'backups to keep whatever their age', count, 3)
    .option('--keep-hourly <count>', 'hours to keep one of', count, 24)
    .option('--keep-daily <count>', 'days to keep one of', count, 7)
    .option('--keep-weekly <count>', 'weeks to keep one of', count, 4)
    .option('--plan', 'only say what would be done, and which backups would go')
    .description('back up etcd, prove the backup by restoring it, and remove what no rule keeps')
    .action(verb(backUp));
  etcd
    .command('backups')
    .argument('<zone>', ZONE)
    .description('backups of a zone, and whether they are proven')
    .action(verb(list));
  withStartOptions(
    etcd
      .command('prove')
      .argument('<zone>', ZONE)
      .argument('[backup]', 'name of a backup, an unmistakable part of it, or "latest"', 'latest'),
  )
    .description('prove a backup again by restoring it into a scratch etcd')
    .action(verb(proveAgain));
  withStartOptions(
    etcd
      .command('restore')
      .argument('<zone>', ZONE)
      .argument('<backup>', 'a proven one: its name, an unmistakable part of it, or "latest"'),
  )
    .option('--plan', 'only say what would be done')
    .option('--yes', 'approve the plan as it is shown')
    .description("bring a zone's etcd back from a proven backup, on a fresh director")
    .action(
      verb(async (output, name: string, wanted: string, options: RestoreOptions) => {
        const manifest = await activeZone(name);
        const { restoreEtcd } = await import('./etcd-restore.ts');
        return restoreEtcd(output, manifest, await backupsOf(manifest.zone), wanted, options);
      }),
    );
}

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

async function backUp(output: Output, name: string, options: BackUpOptions): Promise<ExitCode> {
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

export const backedUpText = ({ backup, snapshot, removed, notRemoved }: EtcdBackupResult): string =>
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

async function list(output: Output, name: string): Promise<void> {
  const { findZone } = await import('../zones/find-zone.ts');
  const { zone } = await findZone(name);
  const backups = await backupsOf(zone);
  const rows = backups.map(({ backup, state, startedAt, snapshot, proofs }) => [
    backup,
    state,
    snapshot?.lastRevision ?? '',
    snapshot?.keys ?? '',
    snapshot === undefined ? '' : megabytes(snapshot.bytes),
    duration(Date.now() - Date.parse(startedAt)),
    proofs[0]?.endedAt.slice(0, 19) ?? '',
  ]);
  const head = ['backup', 'state', 'revision', 'keys', 'size', 'age', 'proof (UTC)'];
  output.result({ zone, backups }, rows.length > 0 ? table(head, rows) : `No backup of ${zone}`);
}

async function proveAgain(
  output: Output,
  name: string,
  wanted: string,
  options: StartOptions,
): Promise<ExitCode> {
  const { chooseBackup } = await import('../etcd/backups.ts');
  const { actor, startOperation } = await import('../operations.ts');
  const { conclude, follow } = await import('./follow.ts');
  const { zone, environment } = await activeZone(name);
  const isFit = ({ snapshot }: Backup): boolean => snapshot !== undefined;
  const { backup, ...chosen } = chooseBackup(await backupsOf(zone), wanted, zone, { isFit, what: 'backup' });
  if (chosen.snapshot === undefined) {
    throw new ClientError(EXIT.refused, `Cannot prove backup "${backup}": it is ${chosen.state}`, {
      expectation: 'one that has a snapshot',
    });
  }
  return withTemporal(async ({ client, context: { store } }) => {
    const { reason } = options;
    const handle = await startOperation(client, {
      type: 'ProveBackup',
      id: `prove-${zone}-${backup}`,
      whenRunning: 'USE_EXISTING',
      input: { environment, zone, bucket: store.bucket, backup, actor: actor(), reason },
    });
    const outcome = await follow<ProofRecord>(client, handle, options);
    return conclude(output, outcome, options, provenText);
  });
}

const provenText = ({ backup, verdict, checks }: ProofRecord): string =>
  [
    `${backup}: ${verdict}`,
    table(
      ['', 'check', ''],
      checks.map((one) => [one.outcome, one.check, one.text]),
    ),
  ].join('\n');

async function backupsOf(zone: string): Promise<Backup[]> {
  const { loadContext } = await import('../contexts.ts');
  const { withAws } = await import('../aws.ts');
  const { listBackups } = await import('../etcd/backups.ts');
  const context = loadContext();
  return withAws(context, (aws) => listBackups(aws, context.store.bucket, zone));
}

/** @throws {ClientError} when there is no such zone, or it is not active */
async function activeZone(name: string): Promise<ZoneManifest> {
  const { findZone } = await import('../zones/find-zone.ts');
  const manifest = await findZone(name);
  if (manifest.state === 'active') return manifest;
  throw new ClientError(
    EXIT.refused,
    `Cannot do this on zone "${manifest.domain}": it is ${manifest.state}`,
    {
      expectation: 'an active zone',
    },
  );
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 10_000) return value;
  throw new InvalidArgumentError('Expected a whole number from 0 to 10000.');
}
