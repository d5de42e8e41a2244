/**
 * How images and snapshots are described.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
 */
import { AwsError, ec2Answer, filtersOf, listOf, matchesPattern } from './call.ts';
import type { Answer, Call, Filter } from './call.ts';
import { ROOT_GIB, SOURCE_OWNER } from './images.ts';
import type { StoredImage, StoredSnapshot, Tags } from './images.ts';
import type { World } from './world.ts';
import type { XmlObject } from './xml.ts';

export const imageState = (image: StoredImage): string =>
  image.availableAt > Date.now() ? 'pending' : 'available';
export const snapshotState = (snapshot: StoredSnapshot): string =>
  snapshot.completeAt > Date.now() ? 'pending' : 'completed';

export function describeImages(world: World, call: Call): Answer {
  const ids = listOf(call.params, 'ImageId');
  for (const id of ids) {
    if (world.images.image(id) === undefined)
      throw new AwsError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  }
  const owners = listOf(call.params, 'Owner');
  const filters = filtersOf(call.params);
  const found = world.images.images.filter(
    (image) =>
      (ids.length === 0 || ids.includes(image.id)) &&
      ownedBy(world, image.ownerId, owners) &&
      filters.every((filter) => holds(filter, imageFacts(world, image), image.tags)),
  );
  return page(
    call,
    'imagesSet',
    found.map((image) => imageXml(world, image)),
  );
}

export function describeSnapshots(world: World, call: Call): Answer {
  const ids = listOf(call.params, 'SnapshotId');
  for (const id of ids) {
    if (world.images.snapshot(id) === undefined)
      throw new AwsError('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`);
  }
  const owners = listOf(call.params, 'Owner');
  const filters = filtersOf(call.params);
  const found = world.images.snapshots.filter(
    (snapshot) =>
      (ids.length === 0 || ids.includes(snapshot.id)) &&
      ownedBy(world, snapshot.ownerId, owners) &&
      filters.every((filter) => holds(filter, snapshotFacts(snapshot), snapshot.tags)),
  );
  return page(
    call,
    'snapshotSet',
    found.map((snapshot) => snapshotXml(snapshot)),
  );
}

export function imageAttribute(world: World, call: Call): Answer {
  const id = call.params.get('ImageId') ?? '';
  const image = world.images.image(id);
  if (image === undefined)
    throw new AwsError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  const attribute = call.params.get('Attribute') ?? '';
  const values: Record<string, XmlObject> = {
    imdsSupport: { value: image.imdsSupport ?? '' },
    description: { value: image.description },
    launchPermission: { item: (image.launchPermissions ?? []).map((userId) => ({ userId })) },
  };
  return ec2Answer(call, { imageId: id, [attribute]: values[attribute] ?? {} });
}

function ownedBy(world: World, ownerId: string, owners: readonly string[]): boolean {
  if (owners.length === 0) return true;
  const alias: Readonly<Record<string, string>> = {
    self: world.accountId,
    amazon: SOURCE_OWNER,
    'aws-marketplace': '',
  };
  return owners.some((owner) => (alias[owner] ?? owner) === ownerId);
}

function imageFacts(world: World, image: StoredImage): Readonly<Record<string, string>> {
  return {
    ...{ name: image.name, description: image.description, 'image-id': image.id, state: imageState(image) },
    ...{ architecture: image.architecture, 'owner-id': image.ownerId, 'creation-date': image.creationDate },
    ...{ 'root-device-type': 'ebs', 'root-device-name': image.rootDeviceName, 'virtualization-type': 'hvm' },
    ...{
      'is-public': String(image.public),
      'image-type': 'machine',
      'ena-support': 'true',
      hypervisor: 'xen',
    },
    ...{
      'block-device-mapping.snapshot-id': image.snapshotId,
      'owner-alias': image.ownerId === SOURCE_OWNER ? 'amazon' : '',
    },
    ...{
      'block-device-mapping.encrypted': String(image.encrypted),
      'source-instance-id': image.sourceInstanceId ?? '',
    },
    'source-image-region': world.region,
  };
}

function snapshotFacts(snapshot: StoredSnapshot): Readonly<Record<string, string>> {
  return {
    ...{ 'snapshot-id': snapshot.id, 'volume-id': snapshot.volumeId, description: snapshot.description },
    ...{
      status: snapshotState(snapshot),
      'owner-id': snapshot.ownerId,
      encrypted: String(snapshot.encrypted),
    },
    ...{ 'volume-size': ROOT_GIB, 'start-time': snapshot.startTime },
  };
}

function holds(filter: Filter, facts: Readonly<Record<string, string>>, tags: Tags): boolean {
  const { name, values } = filter;
  const matchesAny = (value: string | undefined): boolean =>
    value !== undefined && values.some((pattern) => matchesPattern(pattern, value));
  if (name.startsWith('tag:')) return matchesAny(tags[name.slice(4)]);
  if (name === 'tag-key') return Object.keys(tags).some(matchesAny);
  if (!(name in facts)) throw new AwsError('InvalidParameterValue', `The filter '${name}' is invalid`);
  return matchesAny(facts[name]);
}

function page(call: Call, set: string, items: readonly XmlObject[]): Answer {
  const start = Number(call.params.get('NextToken') ?? '0');
  const end = start + Number(call.params.get('MaxResults') ?? items.length);
  const more = end < items.length ? { nextToken: String(end) } : {};
  return ec2Answer(call, { [set]: { item: items.slice(start, end) }, ...more });
}

export const tagsXml = (tags: Tags): XmlObject => ({
  item: Object.entries(tags).map(([key, value]) => ({ key, value })),
});

function imageXml(world: World, image: StoredImage): XmlObject {
  const ebs = {
    ...{ snapshotId: image.snapshotId, volumeSize: ROOT_GIB, deleteOnTermination: 'true', volumeType: 'gp3' },
    encrypted: String(image.encrypted),
  };
  return {
    ...{ imageId: image.id, name: image.name, description: image.description, imageState: imageState(image) },
    ...{ imageOwnerId: image.ownerId, isPublic: String(image.public), architecture: image.architecture },
    ...{
      imageLocation: `${image.ownerId}/${image.name}`,
      imageType: 'machine',
      creationDate: image.creationDate,
    },
    ...{
      rootDeviceType: 'ebs',
      rootDeviceName: image.rootDeviceName,
      virtualizationType: 'hvm',
      hypervisor: 'xen',
    },
    ...{
      enaSupport: 'true',
      bootMode: 'uefi-preferred',
      platformDetails: 'Linux/UNIX',
      usageOperation: 'RunInstances',
    },
    ...(image.imdsSupport === undefined ? {} : { imdsSupport: image.imdsSupport }),
    ...(image.sourceInstanceId === undefined ? {} : { sourceInstanceId: image.sourceInstanceId }),
    ...(image.sourceImageId === undefined
      ? {}
      : { sourceImageId: image.sourceImageId, sourceImageRegion: world.region }),
    ...(image.ownerId === SOURCE_OWNER ? { imageOwnerAlias: 'amazon' } : {}),
    blockDeviceMapping: { item: [{ deviceName: image.rootDeviceName, ebs }] },
    tagSet: tagsXml(image.tags),
  };
}

export function snapshotXml(snapshot: StoredSnapshot): XmlObject {
  return {
    ...{ snapshotId: snapshot.id, volumeId: snapshot.volumeId, status: snapshotState(snapshot) },
    ...{ startTime: snapshot.startTime, progress: snapshotState(snapshot) === 'completed' ? '100%' : '50%' },
    ...{
      ownerId: snapshot.ownerId,
      volumeSize: ROOT_GIB,
      description: snapshot.description,
      storageTier: 'standard',
    },
    encrypted: String(snapshot.encrypted),
    ...(snapshot.kmsKeyId === undefined ? {} : { kmsKeyId: snapshot.kmsKeyId }),
    tagSet: tagsXml(snapshot.tags),
  };
}
