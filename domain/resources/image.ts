import { z } from 'zod';
import { resource } from './resource.ts';

/** An AMI made from a stopped instance. */
export const image = resource({
  kind: 'image',
  noun: 'image',
  plan: z.strictObject({
    instanceId: z.string(),
    /** Unique in account and region. */
    imageName: z.string().min(3).max(128),
    description: z.string().max(255),
    /** Machines of this image answer metadata by IMDSv2 only, whoever launches them. */
    imdsV2Only: z.boolean().default(false),
    /** Lineage: where the image comes from; written as tags on image and snapshots. */
    lineage: z.record(z.string(), z.string()),
  }),
  ref: z.object({ id: z.string(), snapshotIds: z.array(z.string()), imageName: z.string() }),
  identity: 'name',
  actions: [
    'ec2:DescribeImages',
    'ec2:DescribeSnapshots',
    'ec2:CreateImage',
    'ec2:ModifyImageAttribute',
    'ec2:CreateTags',
    'ec2:DeregisterImage',
    'ec2:DeleteSnapshot',
  ],
  readySeconds: 2,
});
