/** A kind that the product does not know: what one is, and its line in the registry. */
import { z } from 'zod';
import { kinds, resources, type Kind } from '../../../domain/resources/index.ts';
import { resource } from '../../../domain/resources/resource.ts';

export const volume = resource({
  kind: 'volume',
  noun: 'volume',
  plan: z.strictObject({ sizeGiB: z.number().int().positive(), availabilityZone: z.string() }),
  ref: z.object({ id: z.string() }),
  identity: 'token',
  actions: ['ec2:DescribeVolumes', 'ec2:CreateVolume', 'ec2:DeleteVolume', 'ec2:CreateTags'],
});

/** The registry's types are closed outside the product, so a test says that its kind is one. */
export const VOLUME = 'volume' as Kind;
Object.assign(resources, { volume });
kinds.push(VOLUME);
