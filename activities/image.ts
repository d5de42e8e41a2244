import {
  CreateImageCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  ModifyImageAttributeCommand,
  type DescribeImagesCommandInput,
  type EC2Client,
  type Filter,
  type Image,
  type Snapshot,
} from '@aws-sdk/client-ec2';
import { ZonewrightError } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { TAG_PREFIX } from '../domain/resources/resource.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import {
  foundByTags,
  given,
  leftoverOf,
  ownerFilters,
  scopeFilters,
  tagAtCreation,
  tagsOf,
} from './cloud/tags.ts';
import type { Effect, EffectContext, Found } from './effect.ts';

type Plan = PlanOf<'image'>;
type Ref = RefOf<'image'>;

/** Tag of image and snapshots: which instance they were made of. */
const SOURCE_TAG = `${TAG_PREFIX}source-instance`;

/**
 * The name of an image is unique, so an image of that name with other tags is found, too. Its snapshots bear the same
 * tags and outlive a deregistration, so they are looked for by themselves.
 */
export const imageEffect = ({ ec2 }: Pick<Clients, 'ec2'>): Effect<Plan, Ref> => ({
  async describe(plan, { owner, signal }) {
    const byName = [{ Name: 'name', Values: [plan.imageName] }];
    const lists = await Promise.all(
      [ownerFilters(owner), byName].map((Filters) => imagesOf(ec2, { Filters }, signal)),
    );
    const images = new Map(lists.flat().map((image) => [given(image.ImageId, 'ImageId'), image]));
    const found = [...images.values()].map((image): Found<Ref> =>
      foundByTags(owner, image.Tags, refOf(image), {
        name: [image.Name, plan.imageName],
        'source instance': [tagsOf(image.Tags)[SOURCE_TAG], plan.instanceId],
      }),
    );
    const orphans = orphansAmong(await snapshotsOf(ec2, ownerFilters(owner), signal), lists.flat());
    return [
      ...found,
      ...orphans.map((ref) => ({ ref, owned: true, attempt: 0, mismatch: [], leaving: true })),
    ];
  },

  async create(plan, context) {
    const tags = imageTags(plan, context);
    const command = new CreateImageCommand({
      InstanceId: plan.instanceId,
      Name: plan.imageName,
      Description: plan.description,
      TagSpecifications: tagAtCreation(tags, 'image', 'snapshot'),
    });
    const { ImageId } = await ec2.send(command, { abortSignal: context.signal });
    return { id: given(ImageId, 'ImageId'), snapshotIds: [], imageName: plan.imageName };
  },

  /** CreateImage cannot ask for it. EC2 names snapshots some time later, so every attempt answers without them. */
  async complete(ref, plan, { signal }) {
    if (plan.imdsV2Only && ref.id.startsWith('ami-')) {
      const command = new ModifyImageAttributeCommand({ ImageId: ref.id, ImdsSupport: { Value: 'v2.0' } });
      await ec2.send(command, { abortSignal: signal });
    }
    return { ...ref, snapshotIds: [] };
  },

  /** The snapshots only after the image: until then it uses them. */
  async remove(ref, _plan, { signal }) {
    const isImage = ref.id.startsWith('ami-');
    const [image] = isImage ? await imagesOf(ec2, { ImageIds: [ref.id] }, signal) : [];
    const snapshots = image ? refOf(image).snapshotIds : ref.snapshotIds;
    if (isImage) {
      const command = new DeregisterImageCommand({ ImageId: ref.id });
      await unlessGone(ec2.send(command, { abortSignal: signal }));
    }
    for (const SnapshotId of snapshots) {
      const command = new DeleteSnapshotCommand({ SnapshotId });
      await unlessGone(ec2.send(command, { abortSignal: signal }));
    }
  },

  async leftovers(scope, { signal }) {
    const images = await imagesOf(ec2, { Filters: scopeFilters(scope) }, signal);
    const orphans = orphansAmong(await snapshotsOf(ec2, scopeFilters(scope), signal), images);
    return [
      ...images.map((image) => leftoverOf(refOf(image), tagsOf(image.Tags))),
      ...orphans.map((ref) => leftoverOf(ref, {})),
    ];
  },

  async pending(ref, _plan, { signal }) {
    const [image] = await imagesOf(ec2, { ImageIds: [ref.id] }, signal);
    if (image?.State === 'available') return undefined;
    if (image && image.State !== 'pending') {
      throw new ZonewrightError(
        'CloudRefused',
        `Cannot use image "${ref.id}": it is ${image.State}: ${image.StateReason?.Message ?? 'no reason given'}`,
        { details: { id: ref.id, code: image.StateReason?.Code } },
      );
    }
    return `image "${ref.id}" is ${image?.State ?? 'not seen yet'}`;
  },
});

const imageTags = (plan: Plan, { tags }: EffectContext) => ({
  ...plan.lineage,
  ...tags,
  [SOURCE_TAG]: plan.instanceId,
});

async function imagesOf(ec2: EC2Client, request: DescribeImagesCommandInput, signal: AbortSignal) {
  const command = new DescribeImagesCommand({ ...request, Owners: ['self'] });
  return (await orAbsent(ec2.send(command, { abortSignal: signal })))?.Images ?? [];
}

async function snapshotsOf(ec2: EC2Client, Filters: Filter[], signal: AbortSignal): Promise<Snapshot[]> {
  const command = new DescribeSnapshotsCommand({ Filters, OwnerIds: ['self'] });
  return (await ec2.send(command, { abortSignal: signal })).Snapshots ?? [];
}

/** Snapshots whose image is gone. Those of an image still pending belong to it, though it does not list them yet. */
function orphansAmong(snapshots: readonly Snapshot[], images: readonly Image[]): Ref[] {
  if (images.some(({ State }) => State === 'pending')) return [];
  const used = new Set(images.flatMap((image) => refOf(image).snapshotIds));
  return snapshots
    .map(({ SnapshotId }) => given(SnapshotId, 'SnapshotId'))
    .filter((id) => !used.has(id))
    .map((id) => ({ id, snapshotIds: [id], imageName: '' }));
}

const refOf = (image: Image): Ref => ({
  id: given(image.ImageId, 'ImageId'),
  snapshotIds: (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []),
  imageName: image.Name ?? '',
});
