// Everything exported here is a workflow, under the name that people see in the Temporal UI.
export { applyServices as ApplyServices } from './apply-services.ts';
export { bakeAmi as BakeAmi } from './bake-ami.ts';
export { createZone as CreateZone } from './create-zone.ts';
export { etcdRestore as EtcdRestore } from './etcd-restore.ts';
export { etcdBackupRestore as EtcdBackupRestore } from './etcd-backup.ts';
export { proveBackup as ProveBackup } from './prove-backup.ts';
export { destroyZone as DestroyZone } from './destroy-zone.ts';
export { nodeJoin as NodeJoin } from './node-join.ts';
export { nodeRemove as NodeRemove } from './node-remove.ts';
export { rollingServiceUpdate as RollingServiceUpdate } from './rolling-service-update.ts';
export { lookAtDiscovery as LookAtDiscovery, lookAtNode as LookAtNode } from './look.ts';
export { zoneKeeper as ZoneKeeper } from './zone-keeper.ts';
