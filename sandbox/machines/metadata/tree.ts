/** The metadata of an instance as a tree of paths: folders list their entries, leaves hold text. */
import type { InstanceFacts, RoleCredentials } from '../model.ts';

export type Leaf = string | Uint8Array;
/** A leaf may be worked out when it is asked for; undefined means that there is no such path (now). */
export type Entry = Leaf | (() => Promise<Leaf | undefined>) | Folder;
export interface Folder {
  readonly [name: string]: Entry | undefined;
}

const isFolder = (entry: Entry): entry is Folder =>
  typeof entry === 'object' && !(entry instanceof Uint8Array);

/** What a path holds: a leaf's content, or a folder's entries, one a line; with or without a slash at its end. */
export async function look(root: Folder, path: string): Promise<Leaf | undefined> {
  let entry: Entry | undefined = root;
  for (const name of path.split('/').filter((part) => part !== '')) {
    // Only what the tree itself holds: names like `constructor` are no entries.
    entry = entry !== undefined && isFolder(entry) && Object.hasOwn(entry, name) ? entry[name] : undefined;
  }
  if (entry === undefined) return undefined;
  if (isFolder(entry)) return list(entry);
  return typeof entry === 'function' ? entry() : entry;
}

function list(folder: Folder): string {
  const entries = Object.entries(folder).filter((each): each is [string, Entry] => each[1] !== undefined);
  return entries.map(([name, entry]) => (isFolder(entry) ? `${name}/` : name)).join('\n');
}

/** Everything below one version of the service, e.g. `latest/`. */
export function instanceTree(
  facts: InstanceFacts,
  credentials: () => Promise<RoleCredentials | undefined>,
): Folder {
  return {
    dynamic: { 'instance-identity': { document: identityDocument(facts) } },
    'meta-data': metaData(facts, credentials),
    'user-data': facts.userData,
  };
}

function metaData(facts: InstanceFacts, credentials: () => Promise<RoleCredentials | undefined>): Folder {
  return {
    'ami-id': facts.imageId,
    'ami-launch-index': '0',
    hostname: facts.hostname,
    iam: facts.instanceProfile && iam(facts.instanceProfile, credentials),
    'instance-action': 'none',
    'instance-id': facts.instanceId,
    'instance-life-cycle': 'on-demand',
    'instance-type': facts.instanceType,
    'local-hostname': facts.hostname,
    'local-ipv4': facts.privateIp,
    mac: facts.macAddress,
    network: { interfaces: { macs: { [facts.macAddress]: networkInterface(facts) } } },
    placement: { 'availability-zone': facts.availabilityZone, region: facts.region },
    'public-ipv4': facts.publicIp,
    'security-groups': facts.securityGroupNames.join('\n'),
    services: { domain: 'amazonaws.com', partition: 'aws' },
    tags: facts.tagsInMetadata ? { instance: facts.tags } : undefined,
  };
}

function networkInterface(facts: InstanceFacts): Folder {
  return {
    'device-number': '0',
    'interface-id': facts.interfaceId,
    'ipv4-associations': facts.publicIp === undefined ? undefined : { [facts.publicIp]: facts.privateIp },
    'local-hostname': facts.hostname,
    'local-ipv4s': facts.privateIp,
    mac: facts.macAddress,
    'owner-id': facts.accountId,
    'public-ipv4s': facts.publicIp,
    'security-groups': facts.securityGroupNames.join('\n'),
    'subnet-id': facts.subnetId,
    'subnet-ipv4-cidr-block': facts.subnetCidr,
    'vpc-id': facts.vpcId,
    'vpc-ipv4-cidr-block': facts.vpcCidr,
    'vpc-ipv4-cidr-blocks': facts.vpcCidr,
  };
}

function iam(
  profile: NonNullable<InstanceFacts['instanceProfile']>,
  credentials: () => Promise<RoleCredentials | undefined>,
): Folder {
  return {
    info: () =>
      Promise.resolve(
        document({
          Code: 'Success',
          LastUpdated: timestamp(new Date()),
          InstanceProfileArn: profile.arn,
          InstanceProfileId: profile.id,
        }),
      ),
    'security-credentials': {
      [profile.roleName]: async () => {
        const granted = await credentials();
        return granted && credentialsDocument(granted);
      },
    },
  };
}

function credentialsDocument(granted: RoleCredentials): string {
  return document({
    Code: 'Success',
    LastUpdated: timestamp(new Date()),
    Type: 'AWS-HMAC',
    AccessKeyId: granted.accessKeyId,
    SecretAccessKey: granted.secretAccessKey,
    Token: granted.token,
    Expiration: timestamp(granted.expiration),
  });
}

function identityDocument(facts: InstanceFacts): string {
  return document({
    accountId: facts.accountId,
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    availabilityZone: facts.availabilityZone,
    imageId: facts.imageId,
    instanceId: facts.instanceId,
    instanceType: facts.instanceType,
    privateIp: facts.privateIp,
    region: facts.region,
    version: '2017-09-30',
  });
}

const document = (content: object): string => JSON.stringify(content, undefined, 2);
/** EC2 writes times without fractions of a second. */
const timestamp = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z');
