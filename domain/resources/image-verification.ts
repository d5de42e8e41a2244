import { z } from 'zod';
import { resource } from './resource.ts';

/** The tag that says: this image booted and passed its tests. */
export const imageVerification = resource({
  kind: 'image-verification',
  noun: 'verification of an image',
  plan: z.strictObject({ imageId: z.string(), digest: z.string() }),
  /** `id` is the image's id. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: ['ec2:DescribeImages', 'ec2:CreateTags', 'ec2:DeleteTags'],
});

/** Key of the tag; its value is the digest of what was tested. */
export const VERIFIED_TAG = 'zonewright:verified';
