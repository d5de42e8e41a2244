import type { EtcdAccess } from '../cloud/etcd.ts';
import type { KubernetesAccess } from '../cloud/kubernetes.ts';

/** What activities on services dial: the API server, and the discovery etcd. */
export interface ServicesAccess {
  readonly kubernetes: KubernetesAccess;
  readonly discovery: EtcdAccess;
}
