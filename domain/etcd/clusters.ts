/** The etcd clusters of a zone; each director is a member of all of them. */
export const ETCD_CLUSTERS = ['kubernetes', 'discovery'] as const;
export type EtcdCluster = (typeof ETCD_CLUSTERS)[number];

const PORTS: Readonly<Record<EtcdCluster, { readonly client: number; readonly peer: number }>> = {
  kubernetes: { client: 2379, peer: 2380 },
  discovery: { client: 2389, peer: 2390 },
};

/** @param address of the director */
export const peerUrl = (cluster: EtcdCluster, address: string): string =>
  `https://${address}:${PORTS[cluster].peer}`;
export const clientUrl = (cluster: EtcdCluster, address: string): string =>
  `https://${address}:${PORTS[cluster].client}`;
