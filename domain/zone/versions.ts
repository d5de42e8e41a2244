/** What runs beside a version of Kubernetes: pairs that were tried together, and no others. */
export interface Companions {
  readonly etcd: string;
  readonly containerd: string;
}

export const KUBERNETES_VERSIONS: Readonly<Record<string, Companions>> = {
  '1.36.3': { etcd: '3.7.3', containerd: '1.6.20' },
};

/** @throws {RangeError} for a version that the specification's schema would have refused */
export function companionsOf(kubernetes: string): Companions {
  const found = KUBERNETES_VERSIONS[kubernetes];
  if (!found) throw new RangeError(`Cannot find what runs beside Kubernetes "${kubernetes}"`);
  return found;
}
