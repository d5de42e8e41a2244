/** The certificate authorities of a zone. Their keys never reach a machine. */
export interface AuthorityProfile {
  readonly id: AuthorityId;
  readonly commonName: string;
  readonly organization: string;
  readonly lifetimeDays: number;
  /** Where machines that need it keep the certificate. */
  readonly path: string;
}

export const AUTHORITY_IDS = ['kubernetes', 'etcd', 'front-proxy', 'discovery'] as const;
export type AuthorityId = (typeof AUTHORITY_IDS)[number];

/**
 * Key pair that signs service account tokens. It signs no certificate, but is kept as authorities are: each director
 * gets the same one, sealed for its own key, so that all take each other's tokens whoever of them goes.
 */
export const SERVICE_ACCOUNT_KEY = {
  id: 'service-account',
  /** Profile of the certificate to whose key it is sealed. */
  sealedFor: 'apiserver',
  path: '/etc/kubernetes/pki/service-account',
  owner: 'kube',
} as const;

const PATHS: Readonly<Record<AuthorityId, string>> = {
  kubernetes: '/etc/kubernetes/pki/ca.crt',
  etcd: '/etc/etcd/pki/ca.crt',
  'front-proxy': '/etc/kubernetes/pki/front-proxy-ca.crt',
  discovery: '/etc/zonewright/pki/discovery-ca.crt',
};

/** @param zoneDomain domain of the zone, e.g. `zone03.prod.example.com`; tells the authorities of zones apart */
export function authorityProfile(id: AuthorityId, zoneDomain: string): AuthorityProfile {
  return { id, commonName: `${id}-ca`, organization: zoneDomain, lifetimeDays: 3650, path: PATHS[id] };
}

export const authorityProfiles = (zoneDomain: string): readonly AuthorityProfile[] =>
  AUTHORITY_IDS.map((id) => authorityProfile(id, zoneDomain));
