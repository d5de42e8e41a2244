import {
  DescribeInstancesCommand,
  ModifyInstanceAttributeCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
  type DescribeInstancesCommandInput,
  type Filter,
  type Instance,
} from '@aws-sdk/client-ec2';
import { ZonewrightError } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import {
  foundByTags,
  given,
  ownerFilters,
  scopeFilters,
  tagAtCreation,
  leftoverOf,
  tagsOf,
} from './cloud/tags.ts';
import type { Effect, EffectContext } from './effect.ts';

type Plan = PlanOf<'instance'>;

/** Terminated ones are listed for an hour more. */
const THERE: Filter = {
  Name: 'instance-state-name',
  Values: ['pending', 'running', 'stopping', 'stopped', 'shutting-down'],
};

export function instanceEffect({ ec2 }: Pick<Clients, 'ec2'>): Effect<Plan, RefOf<'instance'>> {
  const list = async (request: DescribeInstancesCommandInput, signal: AbortSignal) => {
    const answer = await orAbsent(ec2.send(new DescribeInstancesCommand(request), { abortSignal: signal }));
    return (answer?.Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
  };
  return {
    async describe(plan, { owner, signal }) {
      const instances = await list({ Filters: [...ownerFilters(owner), THERE] }, signal);
      return instances.map((instance) => {
        // One on its way out loses its profile, groups and interface one after another.
        const leaving = instance.State?.Name === 'shutting-down';
        const compared = leaving ? {} : comparedTo(plan, instance);
        return { ...foundByTags(owner, instance.Tags, refOf(instance), compared), leaving };
      });
    },

    async create(plan, context) {
      const command = new RunInstancesCommand(runRequest(plan, context));
      const { Instances = [] } = await ec2.send(command, { abortSignal: context.signal });
      return refOf(given(Instances[0], 'Instances'));
    },

    /** RunInstances cannot clear the check. */
    async complete(ref, plan, { signal }) {
      if (plan.sourceDestCheck) return ref;
      const command = new ModifyInstanceAttributeCommand({
        InstanceId: ref.id,
        SourceDestCheck: { Value: false },
      });
      await ec2.send(command, { abortSignal: signal });
      return ref;
    },

    async remove(ref, _plan, { signal }) {
      const command = new TerminateInstancesCommand({ InstanceIds: [ref.id] });
      await unlessGone(ec2.send(command, { abortSignal: signal }));
    },

    async leftovers(scope, { signal }) {
      const instances = await list({ Filters: [...scopeFilters(scope), THERE] }, signal);
      return instances.map((instance) => leftoverOf(refOf(instance), tagsOf(instance.Tags)));
    },

    async pending(ref, plan, { signal }) {
      const [instance] = await list({ InstanceIds: [ref.id] }, signal);
      const state = instance?.State?.Name ?? 'not seen yet';
      if (state === 'running' || (instance && hasRun(plan, instance))) return undefined;
      if (state === 'pending' || instance === undefined) return `instance "${ref.id}" is ${state}`;
      const { Code = 'no code', Message = 'no reason given' } = instance.StateReason ?? {};
      throw new ZonewrightError(
        'MachineFailed',
        `Cannot use instance "${ref.id}": it is ${state}: ${Code}: ${Message}`,
        { details: { id: ref.id, state, code: Code } },
      );
    },
  };
}

/** A builder may have done its work and powered itself off before anybody looked. */
const hasRun = (plan: Plan, instance: Instance): boolean =>
  plan.shutdownBehavior === 'stop' &&
  ['stopping', 'stopped'].includes(instance.State?.Name ?? '') &&
  instance.StateReason?.Code === 'Client.InstanceInitiatedShutdown';

const runRequest = (plan: Plan, { tags, token }: EffectContext) => ({
  ImageId: plan.imageId,
  InstanceType: plan.instanceType as never,
  MinCount: 1,
  MaxCount: 1,
  ClientToken: token,
  UserData: Buffer.from(plan.userData).toString('base64'),
  IamInstanceProfile: { Name: plan.profileName },
  InstanceInitiatedShutdownBehavior: plan.shutdownBehavior,
  MetadataOptions: {
    HttpEndpoint: 'enabled' as const,
    HttpTokens: 'required' as const,
    HttpPutResponseHopLimit: plan.metadataHopLimit,
  },
  ...(plan.encryptedRoot === undefined
    ? {}
    : { BlockDeviceMappings: [{ DeviceName: plan.encryptedRoot, Ebs: { Encrypted: true } }] }),
  NetworkInterfaces: [
    {
      DeviceIndex: 0,
      SubnetId: plan.subnetId,
      Groups: plan.securityGroupIds,
      AssociatePublicIpAddress: plan.publicIp,
      DeleteOnTermination: true,
      ...(plan.privateIp === undefined ? {} : { PrivateIpAddress: plan.privateIp }),
    },
  ],
  TagSpecifications: tagAtCreation(tags, 'instance', 'volume', 'network-interface'),
});

const comparedTo = (plan: Plan, instance: Instance) =>
  ({
    image: [instance.ImageId, plan.imageId],
    type: [instance.InstanceType, plan.instanceType],
    subnet: [instance.SubnetId, plan.subnetId],
    address: [plan.privateIp && instance.PrivateIpAddress, plan.privateIp],
    'security groups': [
      (instance.NetworkInterfaces?.[0]?.Groups ?? instance.SecurityGroups ?? [])
        .map(({ GroupId = '' }) => GroupId)
        .toSorted(),
      plan.securityGroupIds.toSorted(),
    ],
    profile: [instance.IamInstanceProfile?.Arn?.split('/').at(-1), plan.profileName],
  }) as const;

/** One on its way out may have given up address and interface. */
const refOf = (instance: Instance): RefOf<'instance'> => ({
  id: given(instance.InstanceId, 'InstanceId'),
  privateIp: instance.PrivateIpAddress ?? '',
  networkInterfaceId: instance.NetworkInterfaces?.[0]?.NetworkInterfaceId ?? '',
  availabilityZone: instance.Placement?.AvailabilityZone ?? '',
});
