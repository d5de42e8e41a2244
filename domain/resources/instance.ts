import { z } from 'zod';
import { resource } from './resource.ts';

/** A machine. The request is byte-identical for its token, user data included. */
export const instance = resource({
  kind: 'instance',
  noun: 'instance',
  plan: z.strictObject({
    imageId: z.string(),
    instanceType: z.string(),
    subnetId: z.string(),
    /** Fixed address; absent: EC2 chooses. */
    privateIp: z.ipv4().optional(),
    /** True to be given a public address at launch (builders). */
    publicIp: z.boolean().default(false),
    securityGroupIds: z.array(z.string()).min(1),
    profileName: z.string(),
    /** Plain text, at most 16 KiB; never holds a secret. */
    userData: z.string().max(16_384),
    shutdownBehavior: z.enum(['stop', 'terminate']),
    sourceDestCheck: z.boolean().default(true),
    /** Name of the root device to encrypt, e.g. `/dev/xvda`; absent: as the image has it. */
    encryptedRoot: z.string().optional(),
    /** IP hops that metadata answers live for; 1 keeps containers away. */
    metadataHopLimit: z.number().int().min(1).max(64).default(1),
  }),
  ref: z.object({
    id: z.string(),
    privateIp: z.string(),
    networkInterfaceId: z.string(),
    availabilityZone: z.string(),
  }),
  identity: 'token',
  actions: [
    'ec2:DescribeInstances',
    'ec2:RunInstances',
    'ec2:ModifyInstanceAttribute',
    'ec2:TerminateInstances',
    'ec2:GetConsoleOutput',
    'ec2:RebootInstances',
    'iam:PassRole',
    'ec2:CreateTags',
  ],
  readySeconds: 1,
});
