import type { Backup } from '../../domain/etcd/catalogue.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { ClientError, EXIT } from '../errors.ts';

export async function backupsOf(zone: string): Promise<Backup[]> {
  const { loadContext } = await import('../contexts.ts');
  const { withAws } = await import('../aws.ts');
  const { listBackups } = await import('../etcd/backups.ts');
  const context = loadContext();
  return withAws(context, (aws) => listBackups(aws, context.store.bucket, zone));
}

/** @throws {ClientError} when there is no such zone, or it is not active */
export async function activeZone(name: string): Promise<ZoneManifest> {
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
