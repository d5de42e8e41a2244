import { z } from 'zod';
import { canonicalJson, sha256Hex } from '../hash.ts';
import { operationInput } from '../operations.ts';
import { recipeSchema } from '../recipe.ts';

/** Raised when what the builder does with the same recipe changes, so that nothing older is taken for it. */
export const BAKE_FORMAT = 1;

/** What makes two bakes the same bake. */
export const bakeContentSchema = z.object({
  accountId: z.string().regex(/^\d{12}$/, 'twelve digits'),
  region: z.string().min(1),
  /** The AMI that the recipe is applied to, by id: a name can come to mean another image. */
  sourceImageId: z.string().startsWith('ami-'),
  /** Name of the source image's root device. */
  rootDevice: z.string().min(1).default('/dev/xvda'),
  recipe: z.object({
    name: z.string(),
    digest: z.string().regex(/^[0-9a-f]{64}$/),
    archiveSha256: z.string().regex(/^[0-9a-f]{64}$/),
    architecture: z.enum(['x86_64', 'arm64']),
    instanceType: z.string(),
    options: z.object({ encrypted: z.boolean(), imdsV2Only: z.boolean() }),
    test: recipeSchema.shape.test,
  }),
});
export type BakeContent = z.output<typeof bakeContentSchema>;

/** Id of a bake: the same content has the same id, whoever asks and whenever. */
export function bakeId({ accountId, region, sourceImageId, recipe }: BakeContent): string {
  const { digest, architecture, options } = recipe;
  const text = canonicalJson({
    format: BAKE_FORMAT,
    accountId,
    region,
    sourceImageId,
    digest,
    architecture,
    options,
  });
  return sha256Hex(text).slice(0, 32);
}

/** Workflow id of a bake; concurrent callers meet there. */
export const bakeWorkflowId = (content: BakeContent): string => `bake-${bakeId(content)}`;

export const bakeInput = operationInput.extend({
  content: bakeContentSchema,
  bucket: z.string().min(3),
  availabilityZone: z.string().min(1),
});
export type BakeInput = z.output<typeof bakeInput>;

export interface BakeResult {
  readonly imageId: string;
  readonly bakeId: string;
  /** True when the image had been baked and verified before. */
  readonly adopted: boolean;
}
