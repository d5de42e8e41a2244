import { CreateTagsCommand, DeleteTagsCommand, DescribeImagesCommand } from '@aws-sdk/client-ec2';
import { VERIFIED_TAG } from '../domain/resources/image-verification.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { differences, tagsOf } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

/** An image has one tag of a key, so the image is the natural name. */
export const imageVerificationEffect = ({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<PlanOf<'image-verification'>, RefOf<'image-verification'>> => ({
  async describe(plan, { signal }) {
    const command = new DescribeImagesCommand({ ImageIds: [plan.imageId] });
    const image = (await orAbsent(ec2.send(command, { abortSignal: signal })))?.Images?.[0];
    const digest = tagsOf(image?.Tags)[VERIFIED_TAG];
    if (digest === undefined) return [];
    const mismatch = differences({ digest: [digest, plan.digest] });
    return [{ ref: { id: plan.imageId }, owned: mismatch.length === 0, attempt: 0, mismatch }];
  },

  async create(plan, { signal }) {
    const Tags = [{ Key: VERIFIED_TAG, Value: plan.digest }];
    const command = new CreateTagsCommand({ Resources: [plan.imageId], Tags });
    await ec2.send(command, { abortSignal: signal });
    return { id: plan.imageId };
  },

  /** With its value, so that a digest that somebody wrote since then stays. */
  async remove(ref, plan, { signal }) {
    const Tags = [{ Key: VERIFIED_TAG, ...(plan ? { Value: plan.digest } : {}) }];
    const command = new DeleteTagsCommand({ Resources: [ref.id], Tags });
    await unlessGone(ec2.send(command, { abortSignal: signal }));
  },

  leftovers: 'with its parent',
});
