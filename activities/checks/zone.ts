import type { KubernetesAccess } from '../cloud/kubernetes.ts';
import { etcdOf, type EtcdAccess } from '../cloud/etcd.ts';
import { backupChecks, type BackupAccess } from './backup.ts';
import { etcdChecks } from './etcd.ts';
import type { ReadFence } from '../cloud/fences.ts';
import { etcdMemberChecks } from './etcd-members.ts';
import { discoveryChecks } from './discovery.ts';
import { kubernetesChecks } from './kubernetes.ts';
import { nodeChecks } from './nodes.ts';
import { podChecks } from './pods.ts';
import { restoredChecks } from './restored.ts';
import { serviceChecks } from './services.ts';

export interface ZoneAccess {
  readonly kubernetes: KubernetesAccess;
  readonly etcd: EtcdAccess;
  /** The etcd of presence and services, as its root. */
  readonly discovery: EtcdAccess;
  readonly backups: BackupAccess;
}

/** Checks that dial machines of a zone, and so run on its own worker. */
export const createZoneChecks = (
  { kubernetes, etcd, discovery, backups }: ZoneAccess,
  readFence?: ReadFence,
) => ({
  ...backupChecks(etcd, backups),
  ...discoveryChecks(discovery),
  ...restoredChecks(etcd),
  ...etcdChecks(etcd),
  ...etcdMemberChecks(etcdOf({ kubernetes: etcd, discovery }), readFence),
  ...kubernetesChecks(kubernetes),
  ...nodeChecks(kubernetes),
  ...podChecks(kubernetes),
  ...serviceChecks({ kubernetes, discovery }),
});
