/** `zonewright etcd`: back up a zone's etcd, list and prove backups, bring a zone back from one. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { backUp } from './etcd-backup.ts';
import { listZoneBackups, proveAgain } from './etcd-backups.ts';
import type { RestoreOptions } from './etcd-restore.ts';
import { activeZone, backupsOf } from './etcd-zone.ts';
import { parseDuration, withStartOptions } from './operation-options.ts';
import { verb } from './output.ts';

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
    .action(verb(listZoneBackups));
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

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 10_000) return value;
  throw new InvalidArgumentError('Expected a whole number from 0 to 10000.');
}
