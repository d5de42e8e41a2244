/**
 * Snapshots of root volumes; one in use by an image stays.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshot.html
 * https://docs.aws.amazon.com/ebs/latest/userguide/ebs-deleting-snapshot.html
 */
import { AwsError, ec2Answer } from '../call.ts';
import type { Answer, Call, Rule } from '../call.ts';
import { describeSnapshots, snapshotXml } from '../image-view.ts';
import type { World } from '../world.ts';
import { itemsOf, textOf } from '../xml.ts';
import { newSnapshot } from './images.ts';

const HANDLERS: Readonly<Record<string, (world: World, call: Call) => Promise<Answer> | Answer>> = {
  CreateSnapshot: createSnapshot,
  DeleteSnapshot: deleteSnapshot,
  DescribeSnapshots: describeSnapshots,
};

export function snapshots(world: World): Rule {
  return {
    name: 'snapshots',
    actions: Object.keys(HANDLERS).map((action) => `ec2:${action}`),
    apply: async (call) => HANDLERS[call.action]!(world, call),
  };
}

async function createSnapshot(world: World, call: Call): Promise<Answer> {
  const volumeId = call.params.get('VolumeId') ?? '';
  const [volume] = itemsOf(await world.read('DescribeVolumes', { 'VolumeId.1': volumeId }), 'volumeSet');
  const [attachment] = itemsOf(volume, 'attachmentSet');
  const record = world.instances.get(textOf(attachment, 'instanceId') ?? '');
  const isRoot = record !== undefined && textOf(attachment, 'device') === record.rootDeviceName;
  if (isRoot && record.state !== 'stopped') {
    throw new AwsError(
      'UnsupportedOperation',
      `The sandbox takes snapshots of stopped machines only: ${record.id} is ${record.state}`,
    );
  }
  const snapshot = newSnapshot(world, call, {
    ...{ volumeId, description: call.params.get('Description') ?? '' },
    encrypted: textOf(volume, 'encrypted') === 'true',
    layers: isRoot ? await world.instances.capture(record) : [],
  });
  return ec2Answer(call, snapshotXml(snapshot));
}

async function deleteSnapshot(world: World, call: Call): Promise<Answer> {
  const id = call.params.get('SnapshotId') ?? '';
  const snapshot = world.images.snapshot(id);
  if (snapshot === undefined)
    throw new AwsError('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`);
  const image = world.images.images.find((each) => each.snapshotId === id);
  if (image !== undefined)
    throw new AwsError('InvalidSnapshot.InUse', `The snapshot ${id} is currently in use by ${image.id}`);
  world.images.removeSnapshot(id);
  await world.images.removeUnused(world.instances.layersInUse());
  return ec2Answer(call, { return: 'true' });
}
