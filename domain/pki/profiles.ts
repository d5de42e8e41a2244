import { nodeUser, projectorUser, ROOT_USER, routerUser } from '../discovery/access.ts';
import type { AuthorityId } from './authorities.ts';
import { addressInRange, nodeName, type MachineFacts, type MachineRole } from './facts.ts';

/** Everything a certificate says, decided before the machine asks. A signing request contributes its public key only. */
export interface CertificateProfile {
  readonly id: string;
  readonly authority: AuthorityId;
  readonly commonName: string;
  readonly organization?: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly usages: readonly ('client' | 'server')[];
  readonly lifetimeDays: number;
  /** Path on the machine without its ending: `.crt` and `.key` are added. */
  readonly path: string;
  /** User that owns the key, which is 0600. */
  readonly owner: string;
  /** File on the machine whose presence says that the certificate has done its work and need not be renewed. */
  readonly neededUntil?: string;
}

type Draft = Pick<CertificateProfile, 'authority' | 'commonName' | 'usages' | 'path' | 'owner'> &
  Partial<CertificateProfile>;

const YEAR = 365;
const KUBERNETES = '/etc/kubernetes/pki';
const ETCD = '/etc/etcd/pki';
const PKI = '/etc/zonewright/pki';

/** Bound to `cluster-admin` by the first director; the zone worker on the border is its member. */
export const OPERATORS_GROUP = 'zonewright:operators';
/** Bound to `system:kubelet-api-admin`: what the API server is towards kubelets. */
export const API_SERVERS_GROUP = 'zonewright:apiservers';

/** Written by the first director once the zone's own roles are bound. */
export const BOOTSTRAPPED_PATH = '/var/lib/zonewright/bootstrapped';

const IDS = {
  director: [
    'etcd-server',
    'etcd-peer',
    'apiserver-etcd-client',
    'apiserver',
    'apiserver-kubelet-client',
    'front-proxy-client',
    'controller-manager',
    'scheduler',
    'bootstrap-admin',
    'discovery-server',
    'discovery-peer',
  ],
  worker: ['kubelet-client', 'kubelet-server', 'kube-proxy', 'discovery-node'],
  border: [
    'operator',
    'operator-etcd-client',
    'discovery-operator',
    'discovery-projector',
    'discovery-router',
  ],
} as const satisfies Record<MachineRole, readonly string[]>;

/** Ids of the certificates that a machine of this role holds. */
export const profileIds = (role: MachineRole): readonly string[] => IDS[role];

/** The certificates of one machine, in the order of `profileIds`. */
export function certificateProfiles(facts: MachineFacts): readonly CertificateProfile[] {
  const drafts = { director: directorDrafts, worker: workerDrafts, border: borderDrafts }[facts.role](facts);
  return profileIds(facts.role).map((id) => {
    const draft = drafts[id];
    if (draft === undefined)
      throw new RangeError(`Cannot find certificate profile "${id}" of role "${facts.role}"`);
    return { id, dnsNames: [], ipAddresses: [], lifetimeDays: YEAR, ...draft };
  });
}

const clientOf = (authority: AuthorityId, commonName: string, path: string, owner: string): Draft => ({
  authority,
  commonName,
  usages: ['client'],
  path,
  owner,
});

function directorDrafts(facts: MachineFacts): Readonly<Record<string, Draft>> {
  const here = { dnsNames: [nodeName(facts), 'localhost'], ipAddresses: [facts.privateIp, '127.0.0.1'] };
  const etcd = { authority: 'etcd', commonName: nodeName(facts), ...here, owner: 'etcd' } as const;
  const discovery = { ...etcd, authority: 'discovery', owner: 'etcd-discovery' } as const;
  return {
    // etcd's own gRPC gateway dials itself with the serving certificate, so it is a client's too.
    'etcd-server': { ...etcd, usages: ['server', 'client'], path: `${ETCD}/server` },
    'etcd-peer': { ...etcd, usages: ['server', 'client'], path: `${ETCD}/peer` },
    'apiserver-etcd-client': clientOf(
      'etcd',
      'kube-apiserver',
      `${KUBERNETES}/apiserver-etcd-client`,
      'kube',
    ),
    apiserver: apiServerDraft(facts),
    'apiserver-kubelet-client': {
      ...clientOf(
        'kubernetes',
        'kube-apiserver-kubelet-client',
        `${KUBERNETES}/apiserver-kubelet-client`,
        'kube',
      ),
      organization: API_SERVERS_GROUP,
    },
    'front-proxy-client': clientOf(
      'front-proxy',
      'front-proxy-client',
      `${KUBERNETES}/front-proxy-client`,
      'kube',
    ),
    'controller-manager': controllerDraft('controller-manager'),
    scheduler: controllerDraft('scheduler'),
    // Lives long enough to bind the operators' group, which no role but system:masters can do on an empty cluster.
    'bootstrap-admin': {
      ...clientOf('kubernetes', 'zonewright:bootstrap', `${KUBERNETES}/bootstrap-admin`, 'root'),
      organization: 'system:masters',
      lifetimeDays: 1,
      neededUntil: BOOTSTRAPPED_PATH,
    },
    // No user of the discovery etcd: it is believed only until users are.
    'discovery-server': { ...discovery, usages: ['server', 'client'], path: `${PKI}/discovery-server` },
    'discovery-peer': { ...discovery, usages: ['server', 'client'], path: `${PKI}/discovery-peer` },
  };
}

/** What in-cluster clients call the API: https://kubernetes.io/docs/setup/best-practices/certificates/ */
function apiServerDraft(facts: MachineFacts): Draft {
  return {
    authority: 'kubernetes',
    commonName: 'kube-apiserver',
    dnsNames: [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      nodeName(facts),
      `director-${facts.slot}.zone.local`,
      'director.zone.local',
      'localhost',
    ],
    ipAddresses: [facts.privateIp, addressInRange(facts.serviceCidr, 1), '127.0.0.1'],
    usages: ['server'],
    path: `${KUBERNETES}/apiserver`,
    owner: 'kube',
  };
}

const controllerDraft = (name: string): Draft =>
  clientOf('kubernetes', `system:kube-${name}`, `${KUBERNETES}/${name}`, 'kube');

function workerDrafts(facts: MachineFacts): Readonly<Record<string, Draft>> {
  const name = nodeName(facts);
  const node = { commonName: `system:node:${name}`, organization: 'system:nodes' };
  return {
    'kubelet-client': { ...clientOf('kubernetes', '', `${KUBERNETES}/kubelet-client`, 'root'), ...node },
    'kubelet-server': {
      authority: 'kubernetes',
      ...node,
      dnsNames: [name],
      ipAddresses: [facts.privateIp],
      usages: ['server'],
      path: `${KUBERNETES}/kubelet-server`,
      owner: 'root',
    },
    'kube-proxy': clientOf('kubernetes', 'system:kube-proxy', `${KUBERNETES}/kube-proxy`, 'root'),
    'discovery-node': clientOf('discovery', nodeUser(name).name, `${PKI}/discovery-node`, 'root'),
  };
}

function borderDrafts(facts: MachineFacts): Readonly<Record<string, Draft>> {
  const name = `zonewright:border:${facts.instanceId}`;
  const agent = 'zonewright-router';
  return {
    operator: {
      ...clientOf('kubernetes', name, `${PKI}/operator`, 'zonewright'),
      organization: OPERATORS_GROUP,
    },
    'operator-etcd-client': clientOf('etcd', name, `${PKI}/etcd-client`, 'zonewright'),
    'discovery-operator': clientOf('discovery', ROOT_USER, `${PKI}/discovery-operator`, 'zonewright'),
    'discovery-projector': clientOf(
      'discovery',
      projectorUser(facts.instanceId).name,
      `${PKI}/discovery-projector`,
      agent,
    ),
    'discovery-router': clientOf(
      'discovery',
      routerUser(facts.instanceId).name,
      `${PKI}/discovery-router`,
      agent,
    ),
  };
}
