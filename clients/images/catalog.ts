/** The images that were baked, as their tags tell, and what uses them. */
import {
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { Image } from '@aws-sdk/client-ec2';
import { VERIFIED_TAG } from '../../domain/resources/image-verification.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import type { AwsClients } from '../aws.ts';
import { ClientError, EXIT } from '../errors.ts';

export interface BakedImage {
  readonly id: string;
  readonly name: string;
  readonly recipe: string;
  /** Id of the bake: the same content has the same one. */
  readonly bake: string;
  readonly recipeDigest: string;
  readonly sourceImage: string;
  readonly architecture: string;
  /** False until it booted and passed its tests. */
  readonly verified: boolean;
  readonly state: string;
  readonly createdAt: string;
  readonly snapshots: readonly string[];
}

const tag = ({ Tags }: Image, key: string): string => Tags?.find(({ Key }) => Key === key)?.Value ?? '';

function bakedImage(image: Image): BakedImage {
  const snapshots = (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) =>
    Ebs?.SnapshotId ? [Ebs.SnapshotId] : [],
  );
  return {
    id: image.ImageId ?? '',
    name: image.Name ?? '',
    recipe: tag(image, 'zonewright:recipe'),
    bake: tag(image, 'zonewright:bake'),
    recipeDigest: tag(image, 'zonewright:recipe-digest'),
    sourceImage: tag(image, 'zonewright:source-image'),
    architecture: tag(image, 'zonewright:architecture'),
    verified: tag(image, VERIFIED_TAG) !== '',
    state: image.State ?? '',
    createdAt: image.CreationDate ?? '',
    snapshots,
  };
}

/** Every image of this account that a bake made, the latest first. */
export async function listImages({ ec2 }: Pick<AwsClients, 'ec2'>): Promise<BakedImage[]> {
  const Filters = [{ Name: 'tag-key', Values: ['zonewright:bake'] }];
  const { Images = [] } = await ec2.send(new DescribeImagesCommand({ Owners: ['self'], Filters }));
  return Images.map(bakedImage).toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
}

/** @throws {ClientError} when no bake made an image of this id or name */
export async function findImage(aws: Pick<AwsClients, 'ec2'>, idOrName: string): Promise<BakedImage> {
  const images = await listImages(aws);
  const found = images.find(({ id, name }) => id === idOrName || name === idOrName);
  if (found !== undefined) return found;
  throw new ClientError(EXIT.usage, `Cannot find image "${idOrName}"`, {
    expectation: 'the id or name of one that "zonewright image list" shows',
  });
}

/** The verified image of a bake, or of a recipe's digest. */
export async function findVerified(
  aws: Pick<AwsClients, 'ec2'>,
  wanted: { readonly bake: string } | { readonly recipeDigest: string },
): Promise<BakedImage | undefined> {
  const images = await listImages(aws);
  return images.find(
    (image) =>
      image.verified &&
      image.state === 'available' &&
      ('bake' in wanted ? image.bake === wanted.bake : image.recipeDigest === wanted.recipeDigest),
  );
}

/** Names of zones and ids of machines that need the image. */
export async function usersOf(
  { ec2 }: Pick<AwsClients, 'ec2'>,
  image: BakedImage,
  manifests: readonly ZoneManifest[],
): Promise<string[]> {
  const zones = manifests.filter(({ imageId, state }) => imageId === image.id && state !== 'destroyed');
  const Filters = [
    { Name: 'image-id', Values: [image.id] },
    { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] },
  ];
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ Filters }));
  const machines = Reservations.flatMap(({ Instances = [] }) =>
    Instances.map(({ InstanceId = '' }) => InstanceId),
  );
  return [...zones.map(({ domain }) => `zone ${domain}`), ...machines.map((id) => `machine ${id}`)];
}

/** Removes an image with its snapshots; what is gone already, or in use by another image, is no error. */
export async function removeImage({ ec2 }: Pick<AwsClients, 'ec2'>, image: BakedImage): Promise<void> {
  await unlessGone(ec2.send(new DeregisterImageCommand({ ImageId: image.id })));
  for (const SnapshotId of image.snapshots)
    await unlessGone(ec2.send(new DeleteSnapshotCommand({ SnapshotId })));
}

async function unlessGone(removal: Promise<unknown>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    const gone = error instanceof Error && /\.(NotFound|Unavailable|InUse)$/.test(error.name);
    if (!gone) throw error;
  }
}

/** What `image gc` removes: unverified images, and of each recipe all but the newest `keep` verified ones. */
export function garbage(images: readonly BakedImage[], keep: number): BakedImage[] {
  const kept = new Map<string, number>();
  const newestFirst = images.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  return newestFirst.filter((image) => {
    if (image.state === 'pending') return false; // a bake is making it
    if (!image.verified) return true;
    const already = kept.get(image.recipe) ?? 0;
    kept.set(image.recipe, already + 1);
    return already >= keep;
  });
}
