import { output, type Output, type PlannedStep } from '../plan.ts';
import type { BakeContent } from './bake.ts';

/** A network that only builders live in, so that a bake depends on nothing that others may change or delete. */
const VPC_CIDR = '10.255.0.0/26';

export interface BakePlan {
  /** Network and role; temporary. */
  readonly surroundings: readonly PlannedStep[];
  /** The machine that installs the recipe and powers off; temporary. */
  readonly builder: readonly PlannedStep[];
  /** The image, made of the stopped builder; the result. */
  readonly image: readonly PlannedStep[];
  /** A machine booted from the image that tests it; temporary. */
  readonly tester: readonly PlannedStep[];
  readonly verification: readonly PlannedStep[];
}

export interface BakePlanInput {
  readonly id: string;
  readonly content: BakeContent;
  readonly bucket: string;
  readonly availabilityZone: string;
  /** User data of builder and tester, from `machine/`. */
  readonly userData: { readonly builder: string; readonly tester: string };
  /** Keys in the bucket that the two machines may read and write. */
  readonly access: { readonly read: readonly string[]; readonly write: readonly string[] };
}

/** Everything that a bake makes, decided before anything is made. */
export function planBake(input: BakePlanInput): BakePlan {
  const { id, content, userData } = input;
  const name = `bake-${content.recipe.name}-${id.slice(0, 8)}`;
  const machine = machinePlanner(name, content.recipe.instanceType);
  // What the builder's root is encrypted with, its snapshots and so the image are, too.
  const encryptedRoot = content.recipe.options.encrypted ? { encryptedRoot: content.rootDevice } : {};
  return {
    surroundings: [...network(input, name), ...access(input, name)],
    builder: [
      machine('builder', `starting the builder of ${name}`, {
        imageId: content.sourceImageId,
        userData: userData.builder,
        ...encryptedRoot,
      }),
    ],
    image: [
      {
        step: 'image',
        kind: 'image',
        name: `zonewright-${content.recipe.name}-${id}`,
        summary: `making an image of the stopped builder`,
        plan: {
          instanceId: output('builder'),
          imageName: `zonewright-${content.recipe.name}-${id}`,
          description: `${content.recipe.name} ${content.recipe.digest.slice(0, 12)} on ${content.sourceImageId}`,
          imdsV2Only: content.recipe.options.imdsV2Only,
          lineage: lineage(id, content),
        },
      },
    ],
    tester: [
      machine('boot-test', 'booting the new image to test it', {
        imageId: output('image'),
        userData: userData.tester,
      }),
    ],
    verification: [
      {
        step: 'verification',
        kind: 'image-verification',
        name,
        summary: 'marking the image verified',
        plan: { imageId: output('image'), digest: id },
      },
    ],
  };
}

/** Where an image comes from, as its tags say. */
const lineage = (id: string, { sourceImageId, recipe }: BakeContent): Record<string, string> => ({
  'zonewright:bake': id,
  'zonewright:recipe': recipe.name,
  'zonewright:recipe-digest': recipe.digest,
  'zonewright:source-image': sourceImageId,
  'zonewright:architecture': recipe.architecture,
});

function network({ availabilityZone }: BakePlanInput, name: string): PlannedStep[] {
  const vpcId = output('network/vpc');
  return [
    { step: 'network/vpc', kind: 'vpc', name, plan: { cidr: VPC_CIDR }, summary: `creating VPC ${VPC_CIDR}` },
    {
      step: 'network/internet-gateway',
      kind: 'internet-gateway',
      name,
      plan: { vpcId },
      summary: 'creating internet gateway',
    },
    {
      step: 'network/subnet',
      kind: 'subnet',
      name,
      plan: { vpcId, cidr: VPC_CIDR, availabilityZone },
      summary: `creating subnet ${VPC_CIDR}`,
    },
    {
      step: 'network/route-table',
      kind: 'route-table',
      name,
      plan: { vpcId, subnetIds: [output('network/subnet')] },
      summary: 'creating route table',
    },
    {
      step: 'network/route',
      kind: 'route',
      name,
      plan: {
        routeTableId: output('network/route-table'),
        destination: '0.0.0.0/0',
        target: { internetGatewayId: output('network/internet-gateway') },
      },
      summary: 'routing to the internet',
    },
    {
      step: 'network/security-group',
      kind: 'security-group',
      name,
      plan: { vpcId, groupName: name, description: 'Builders: nothing in, everything out' },
      summary: 'creating security group',
    },
    {
      step: 'network/security-group-rules',
      kind: 'security-group-rules',
      name,
      plan: {
        groupId: output('network/security-group'),
        ingress: [],
        egress: [{ protocol: '-1', peer: { cidr: '0.0.0.0/0' }, description: 'packages and the zone store' }],
      },
      summary: 'opening the way out',
    },
  ];
}

function access({ bucket, access: { read, write } }: BakePlanInput, name: string): PlannedStep[] {
  const objects = (keys: readonly string[]) => keys.map((key) => `arn:aws:s3:::${bucket}/${key}`);
  return [
    {
      step: 'access/role',
      kind: 'role',
      name,
      plan: {
        roleName: name,
        statements: [
          { Effect: 'Allow', Action: ['s3:GetObject'], Resource: objects(read) },
          { Effect: 'Allow', Action: ['s3:PutObject'], Resource: objects(write) },
        ],
      },
      summary: `creating role ${name}`,
    },
    {
      step: 'access/profile',
      kind: 'instance-profile',
      name,
      plan: { profileName: name, roleName: output('access/role', 'roleName') },
      summary: `creating instance profile ${name}`,
    },
  ];
}

interface MachineParts {
  readonly imageId: string | Output;
  readonly userData: string;
  readonly encryptedRoot?: string;
}

/** Both machines live in the same surroundings and end by powering themselves off. */
const machinePlanner =
  (name: string, instanceType: string) =>
  (step: string, summary: string, parts: MachineParts): PlannedStep => ({
    step,
    kind: 'instance',
    name: `${name}-${step}`,
    after: ['network/route', 'network/security-group-rules'],
    plan: {
      ...parts,
      instanceType,
      subnetId: output('network/subnet'),
      publicIp: true,
      securityGroupIds: [output('network/security-group')],
      profileName: output('access/profile', 'profileName'),
      // Powering off from inside must leave the disk, which becomes the image.
      shutdownBehavior: 'stop',
    },
    summary,
  });
