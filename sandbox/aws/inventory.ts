/** Everything that exists in the account, of all kinds: what orphans and duplicates are found in. */
import { KINDS } from './kinds.ts';
import type { Kind } from './kinds.ts';
import type { S3Server } from './s3-server.ts';
import type { World } from './world.ts';
import { itemsOf, objectOf, parseXml, textOf } from './xml.ts';
import type { XmlObject } from './xml.ts';

export interface InventoryItem {
  /** As in ARNs: `vpc`, `natgateway`, `security-group`; for what is not EC2's: `role`, `hosted-zone`, `s3-prefix` … */
  readonly kind: string;
  readonly id: string;
  readonly parent?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly state?: string;
  /** Of an S3 prefix: how many objects lie below it. */
  readonly count?: number;
}

export async function takeInventory(world: World, s3: S3Server): Promise<InventoryItem[]> {
  const parts = await Promise.all([
    ...KINDS.map((kind) => listKind(world, kind)),
    listIam(world),
    Promise.resolve(listZones(world)),
    listObjects(s3),
  ]);
  return parts.flat();
}

async function listKind(world: World, kind: Kind): Promise<InventoryItem[]> {
  const fields = await world.read(kind.describe);
  const items =
    kind.describe === 'DescribeInstances'
      ? itemsOf(fields, 'reservationSet').flatMap((each) => itemsOf(each, kind.set))
      : itemsOf(fields, kind.set);
  return items.flatMap((item): InventoryItem[] => {
    const id = textOf(item, kind.idField);
    if (id === undefined || isImplicit(world, kind, item)) return [];
    const state =
      textOf(item, 'instanceState', 'name') ?? textOf(item, 'state') ?? textOf(item, 'imageState');
    if (state === 'terminated' || state === 'deleted') return [];
    const parent = kind.parentField === undefined ? undefined : textOf(item, kind.parentField);
    const name = textOf(item, 'groupName') ?? textOf(item, 'name');
    return [
      {
        ...{ kind: kind.resourceType, id, tags: tagsOf(itemsOf(item, 'tagSet')) },
        ...(parent === undefined ? {} : { parent }),
        ...(state === undefined ? {} : { state }),
        ...(name === undefined ? {} : { name }),
      },
    ];
  });
}

/** What comes and goes with a VPC, a NAT gateway or an instance, and what belongs to others. */
function isImplicit(world: World, { resourceType }: Kind, item: XmlObject): boolean {
  if (resourceType === 'security-group') return item['groupName'] === 'default';
  if (resourceType === 'route-table')
    return itemsOf(item, 'associationSet').some((each) => each['main'] === 'true');
  if (resourceType === 'image') return item['imageOwnerId'] !== world.accountId;
  if (resourceType === 'network-interface') {
    return (
      item['requesterManaged'] === 'true' || textOf(item, 'attachment', 'deleteOnTermination') === 'true'
    );
  }
  if (resourceType === 'volume') {
    return itemsOf(item, 'attachmentSet').some((each) => each['deleteOnTermination'] === 'true');
  }
  if (resourceType === 'snapshot') return item['ownerId'] !== world.accountId;
  return false;
}

const tagsOf = (tags: readonly XmlObject[]): Record<string, string> =>
  Object.fromEntries(
    tags.map((tag) => [
      textOf(tag, 'key') ?? textOf(tag, 'Key'),
      textOf(tag, 'value') ?? textOf(tag, 'Value') ?? '',
    ]),
  );

async function listIam(world: World): Promise<InventoryItem[]> {
  const roles = itemsOf(await world.emulator.ask('iam', 'ListRoles'), 'Roles');
  const profiles = itemsOf(await world.emulator.ask('iam', 'ListInstanceProfiles'), 'InstanceProfiles');
  return [
    ...(await Promise.all(
      roles.map(async (role) => {
        const RoleName = textOf(role, 'RoleName') ?? '';
        const tags = tagsOf(itemsOf(await world.emulator.ask('iam', 'ListRoleTags', { RoleName }), 'Tags'));
        return { kind: 'role', id: RoleName, tags };
      }),
    )),
    ...profiles.map((profile) => {
      const id = textOf(profile, 'InstanceProfileName') ?? '';
      return { kind: 'instance-profile', id, tags: tagsOf(itemsOf(profile, 'Tags')) };
    }),
  ];
}

function listZones({ route53: { store } }: World): InventoryItem[] {
  const zones = [...store.zones.values()];
  const sets = [...store.sets.values()].filter((set) => set.reusable);
  return [
    ...zones.map((zone) => ({ kind: 'hosted-zone', id: zone.id, name: zone.name, tags: zone.tags })),
    ...zones.flatMap((zone) =>
      zone.records
        .filter(({ name, type }) => name !== zone.name || (type !== 'NS' && type !== 'SOA'))
        .map(({ name, type }) => ({ kind: 'record', id: `${name} ${type}`, parent: zone.id, tags: {} })),
    ),
    ...sets.map((set) => ({ kind: 'delegation-set', id: set.id, tags: {} })),
  ];
}

/** Buckets, and in each the number of objects by the first two parts of their keys. */
async function listObjects(s3: S3Server): Promise<InventoryItem[]> {
  const get = async (path: string, query = new URLSearchParams()): Promise<XmlObject> => {
    const answer = await s3.ask({ method: 'GET', path, query, headers: {} });
    return parseXml(answer.body.toString()).fields;
  };
  const found: InventoryItem[] = [];
  const buckets = itemsOf(objectOf(await get('/'), 'Buckets'), 'Bucket');
  for (const bucket of buckets.flatMap((each) => textOf(each, 'Name') ?? [])) {
    found.push({ kind: 'bucket', id: bucket, tags: {} });
    const counts = new Map<string, number>();
    let token: string | undefined;
    do {
      const query = new URLSearchParams({
        'list-type': '2',
        ...(token === undefined ? {} : { 'continuation-token': token }),
      });
      const page = await get(`/${bucket}`, query);
      for (const { Key } of itemsOf(page, 'Contents')) {
        const prefix = String(Key).split('/').slice(0, -1).slice(0, 2).join('/');
        counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      }
      token = textOf(page, 'NextContinuationToken');
    } while (token !== undefined);
    for (const [prefix, count] of counts)
      found.push({ kind: 's3-prefix', id: `${bucket}/${prefix}`, parent: bucket, tags: {}, count });
  }
  return found;
}
