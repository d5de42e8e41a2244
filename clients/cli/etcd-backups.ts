/** `zonewright etcd backups` and `prove`: backups of a zone, and whether they can be restored. */
import type { ProofRecord } from '../../domain/etcd/backup.ts';
import type { Backup } from '../../domain/etcd/catalogue.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { withTemporal } from './connect.ts';
import { activeZone, backupsOf } from './etcd-zone.ts';
import type { StartOptions } from './operation-options.ts';
import { duration, megabytes, table } from './output.ts';
import type { Output } from './output.ts';

export async function listZoneBackups(output: Output, name: string): Promise<void> {
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

export async function proveAgain(
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
