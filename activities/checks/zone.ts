import type { KubernetesAccess } from '../cloud/kubernetes.ts';
import { etcdChecks, type EtcdAccess } from './etcd.ts';
import { kubernetesChecks } from './kubernetes.ts';
import { nodeChecks } from './nodes.ts';
import { podChecks } from './pods.ts';

export interface ZoneAccess {
  readonly kubernetes: KubernetesAccess;
  readonly etcd: EtcdAccess;
}

/** Checks that dial machines of a zone, and so run on its own worker. */
export const createZoneChecks = ({ kubernetes, etcd }: ZoneAccess) => ({
  ...etcdChecks(etcd),
  ...kubernetesChecks(kubernetes),
  ...nodeChecks(kubernetes),
  ...podChecks(kubernetes),
});
