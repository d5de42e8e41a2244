import { DescribeImagesCommand, EC2Client, type Image } from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { InvalidInput } from '../../domain/errors.ts';
import { bakeWorkflowId, type BakeContent } from '../../domain/image/bake.ts';
import type { ZonewrightContext } from '../contexts.ts';
import { packRecipe, type PackedRecipe } from '../recipes/pack.ts';
import { uploadRecipe } from '../recipes/upload.ts';

export interface BakeRequest {
  readonly workflowId: string;
  readonly packed: PackedRecipe;
  /** What `BakeAmi` takes, but for actor and reason. */
  readonly input: {
    readonly environment: string;
    readonly content: BakeContent;
    readonly bucket: string;
    readonly availabilityZone: string;
  };
}

export interface BakeRequestOptions {
  readonly folder: string;
  readonly resolveTool: (name: string) => Promise<string>;
  /** Name or id of the AMI for recipes that name none. */
  readonly defaultSource?: string;
  readonly onProgress?: (what: string) => void;
}

/** Packs a recipe and says which bake that is. Nothing is started, and nothing changes in the cloud. */
export async function requestBake(
  context: ZonewrightContext,
  options: BakeRequestOptions,
): Promise<BakeRequest> {
  const { folder, resolveTool, defaultSource, onProgress = () => undefined } = options;
  onProgress('packing the recipe');
  const packed = await packRecipe(folder, { resolveTool });
  const { recipe, digest, archiveSha256 } = packed;
  const source = recipe.source?.image ?? defaultSource;
  if (source === undefined) {
    const issue = {
      path: 'source.image',
      value: undefined,
      expected: 'an AMI by name or id: the context has no default',
    };
    throw new InvalidInput(`${folder}/recipe.yaml`, [issue]);
  }
  const sourceImage = await findSource(context, source, recipe.architecture, `${folder}/recipe.yaml`);
  const { Account: accountId = '' } = await using(new STSClient(context.aws), (sts) =>
    sts.send(new GetCallerIdentityCommand({})),
  );
  const { name, architecture, instanceType, options: imageOptions, test } = recipe;
  const content: BakeContent = {
    accountId,
    region: context.aws.region,
    sourceImageId: sourceImage.id,
    rootDevice: sourceImage.rootDevice,
    recipe: { name, digest, archiveSha256, architecture, instanceType, options: imageOptions, test },
  };
  const { environment, store, aws } = context;
  return {
    workflowId: bakeWorkflowId(content),
    packed,
    input: {
      environment: environment.name,
      content,
      bucket: store.bucket,
      availabilityZone: `${aws.region}a`,
    },
  };
}

/** Puts the recipe of a bake into the zone store, where its builder fetches it; without it the bake cannot be started. */
export async function sendRecipe(
  context: ZonewrightContext,
  { packed }: Pick<BakeRequest, 'packed'>,
  onProgress: (what: string) => void = () => undefined,
): Promise<void> {
  onProgress(`uploading the recipe (${Math.ceil(packed.bytes / 1_000_000)} MB)`);
  const s3 = new S3Client({ ...context.aws, forcePathStyle: context.aws.endpoint !== undefined });
  await using(s3, (client) => uploadRecipe(client, context.store.bucket, packed));
}

/** The newest image of this name (wildcards allowed) or the image of this id. */
async function findSource(
  context: ZonewrightContext,
  source: string,
  architecture: string,
  file: string,
): Promise<{ readonly id: string; readonly rootDevice: string }> {
  const by = source.startsWith('ami-')
    ? { ImageIds: [source] }
    : { Filters: [{ Name: 'name', Values: [source] }] };
  const { Images = [] } = await using(new EC2Client(context.aws), async (ec2) => {
    try {
      return await ec2.send(new DescribeImagesCommand(by));
    } catch (error) {
      if (error instanceof Error && error.name.startsWith('InvalidAMIID')) return { Images: [] };
      throw error;
    }
  });
  const newest = Images.filter((image) => image.Architecture === architecture)
    .toSorted(byAge)
    .at(-1);
  const { ImageId: id, RootDeviceName: rootDevice = '/dev/xvda' } = newest ?? {};
  if (id !== undefined) return { id, rootDevice };
  const expected = `an AMI of architecture ${architecture} in ${context.aws.region}, by name or id`;
  throw new InvalidInput(file, [{ path: 'source.image', value: source, expected }]);
}

const byAge = (a: Image, b: Image): number => (a.CreationDate ?? '').localeCompare(b.CreationDate ?? '');

async function using<C extends { destroy(): void }, T>(
  client: C,
  body: (client: C) => Promise<T>,
): Promise<T> {
  try {
    return await body(client);
  } finally {
    client.destroy();
  }
}
