/**
 * Images: made of stopped instances' disks or of snapshots, named once, described as they were made.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html
 */
import { AwsError, ec2Answer, structuresOf, tagSpecification } from '../call.ts';
import type { Answer, Call, Rule } from '../call.ts';
import { newId, ROOT_DEVICE } from '../images.ts';
import type { StoredImage, StoredSnapshot } from '../images.ts';
import { describeImages, imageAttribute } from '../image-view.ts';
import type { World } from '../world.ts';
import { itemsOf, textOf } from '../xml.ts';
import { requireInstance } from './describe-instances.ts';

const HANDLERS: Readonly<Record<string, (world: World, call: Call) => Promise<Answer> | Answer>> = {
  CreateImage: createImage,
  RegisterImage: registerImage,
  CopyImage: copyImage,
  DeregisterImage: deregisterImage,
  DescribeImages: describeImages,
  DescribeImageAttribute: imageAttribute,
  ModifyImageAttribute: modifyImageAttribute,
};

export function images(world: World): Rule {
  return {
    name: 'images',
    actions: Object.keys(HANDLERS).map((action) => `ec2:${action}`),
    apply: async (call) => HANDLERS[call.action]!(world, call),
  };
}

async function createImage(world: World, call: Call): Promise<Answer> {
  const record = requireInstance(world, call.params.get('InstanceId') ?? '');
  const name = freeName(world, call);
  if (record.state !== 'stopped' && record.state !== 'running') {
    throw new AwsError(
      'IncorrectState',
      `The instance '${record.id}' is ${record.state}: it must be running or stopped`,
    );
  }
  if (record.state === 'running' && call.params.get('NoReboot') === 'true') {
    throw new AwsError(
      'UnsupportedOperation',
      'The sandbox takes no image of a running machine: stop it, or leave NoReboot out',
    );
  }
  const found = await world.read('DescribeInstances', { 'InstanceId.1': record.id });
  const [instance] = itemsOf(itemsOf(found, 'reservationSet')[0], 'instancesSet');
  const volumeId = textOf(itemsOf(instance, 'blockDeviceMapping')[0], 'ebs', 'volumeId') ?? '';
  const layers = await world.instances.capture(record);
  const id = newId('ami-');
  const snapshot = newSnapshot(world, call, {
    ...{ layers, encrypted: record.encrypted, volumeId },
    description: `Created by CreateImage(${record.id}) for ${id}`,
  });
  const image = newImage(world, call, snapshot, { id, name });
  world.images.addImage({ ...image, sourceInstanceId: record.id, sourceImageId: record.imageId });
  return ec2Answer(call, { imageId: id });
}

function registerImage(world: World, call: Call): Answer {
  const name = freeName(world, call);
  const mapping = structuresOf(call.params, 'BlockDeviceMapping').find((each) => each.has('Ebs.SnapshotId'));
  const snapshotId = mapping?.get('Ebs.SnapshotId') ?? '';
  const snapshot = world.images.snapshot(snapshotId);
  if (snapshot === undefined)
    throw new AwsError('InvalidSnapshot.NotFound', `The snapshot '${snapshotId}' does not exist.`);
  if (snapshot.layers.length === 0) {
    throw new AwsError(
      'InvalidParameterValue',
      `Snapshot "${snapshotId}" holds no root volume of an instance`,
    );
  }
  const image = newImage(world, call, snapshot, { id: newId('ami-'), name });
  const rootDeviceName = call.params.get('RootDeviceName') ?? ROOT_DEVICE;
  const imdsSupport = call.params.get('ImdsSupport');
  world.images.addImage({ ...image, rootDeviceName, ...(imdsSupport === null ? {} : { imdsSupport }) });
  return ec2Answer(call, { imageId: image.id });
}

function copyImage(world: World, call: Call): Answer {
  const source = requireImage(world, call.params.get('SourceImageId') ?? '');
  const name = freeName(world, call);
  const id = newId('ami-');
  const kmsKeyId = call.params.get('KmsKeyId');
  const snapshot = newSnapshot(world, call, {
    ...{ layers: source.layers, volumeId: 'vol-ffffffff' },
    encrypted: source.encrypted || kmsKeyId !== null || call.params.get('Encrypted') === 'true',
    description: `Copied for DestinationAmi ${id} from SourceAmi ${source.id}`,
    ...(kmsKeyId === null ? {} : { kmsKeyId }),
  });
  const image = newImage(world, call, snapshot, { id, name });
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-copy-steps.html: tags go along only when asked for.
  const tags = call.params.get('CopyImageTags') === 'true' ? { ...source.tags, ...image.tags } : image.tags;
  const imds = source.imdsSupport === undefined ? {} : { imdsSupport: source.imdsSupport };
  world.images.addImage({
    ...image,
    ...imds,
    tags,
    rootDeviceName: source.rootDeviceName,
    sourceImageId: source.id,
  });
  return ec2Answer(call, { imageId: id });
}

async function deregisterImage(world: World, call: Call): Promise<Answer> {
  const image = ownImage(world, call.params.get('ImageId') ?? '');
  world.images.removeImage(image.id);
  if (call.params.get('DeleteAssociatedSnapshots') === 'true') world.images.removeSnapshot(image.snapshotId);
  await world.images.removeUnused(world.instances.layersInUse());
  return ec2Answer(call, { return: 'true' });
}

function modifyImageAttribute(world: World, call: Call): Answer {
  const image = ownImage(world, call.params.get('ImageId') ?? '');
  const { params } = call;
  const imds =
    params.get('ImdsSupport.Value') ??
    (params.get('Attribute') === 'imdsSupport' ? params.get('Value') : null);
  if (imds !== null) image.imdsSupport = imds;
  const permissions = new Set(image.launchPermissions);
  for (const each of structuresOf(params, 'LaunchPermission.Add')) permissions.add(each.get('UserId') ?? '');
  for (const each of structuresOf(params, 'LaunchPermission.Remove'))
    permissions.delete(each.get('UserId') ?? '');
  image.launchPermissions = [...permissions];
  world.images.save();
  return ec2Answer(call, { return: 'true' });
}

/** The name asked for. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html: Name */
function freeName(world: World, call: Call): string {
  const name = call.params.get('Name') ?? '';
  if (!/^[\w()[\] ./\-'@]{3,128}$/.test(name)) {
    throw new AwsError(
      'InvalidAMIName.Malformed',
      `AMI names must be between 3 and 128 characters long: "${name}"`,
    );
  }
  const used = world.images.images.find((image) => image.name === name && image.ownerId === world.accountId);
  if (used === undefined) return name;
  throw new AwsError('InvalidAMIName.Duplicate', `AMI name ${name} is already in use by AMI ${used.id}`);
}

export function requireImage(world: World, id: string): StoredImage {
  const image = world.images.image(id);
  if (image === undefined)
    throw new AwsError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  return image;
}

function ownImage(world: World, id: string): StoredImage {
  const image = requireImage(world, id);
  if (image.ownerId === world.accountId) return image;
  throw new AwsError('AuthFailure', `Not authorized for image:${id}`, 403);
}

type SnapshotFacts = Pick<StoredSnapshot, 'layers' | 'encrypted' | 'volumeId' | 'description' | 'kmsKeyId'>;

/** A snapshot that begins now, with the call's tags for snapshots. */
export function newSnapshot(world: World, call: Call, facts: SnapshotFacts): StoredSnapshot {
  const now = Date.now();
  const snapshot = {
    ...{ id: newId('snap-'), ownerId: world.accountId, startTime: new Date(now).toISOString() },
    ...{ tags: tagSpecification(call.params, 'snapshot'), completeAt: now + world.delays.imageMs, ...facts },
  };
  world.images.addSnapshot(snapshot);
  return snapshot;
}

function newImage(
  world: World,
  call: Call,
  snapshot: StoredSnapshot,
  named: { id: string; name: string },
): StoredImage {
  const now = Date.now();
  return {
    ...named,
    ...{
      ownerId: world.accountId,
      description: call.params.get('Description') ?? '',
      architecture: 'x86_64',
    },
    ...{ creationDate: new Date(now).toISOString(), rootDeviceName: ROOT_DEVICE, snapshotId: snapshot.id },
    ...{ layers: snapshot.layers, encrypted: snapshot.encrypted, public: false },
    ...{ tags: tagSpecification(call.params, 'image'), availableAt: now + world.delays.imageMs },
  };
}
