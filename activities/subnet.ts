import { CreateSubnetCommand, DeleteSubnetCommand, DescribeSubnetsCommand } from '@aws-sdk/client-ec2';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { deleteNamingBlockers } from './cloud/blockers.ts';
import { unlessGone } from './cloud/cloud-errors.ts';
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
import type { Effect } from './effect.ts';

export const subnetEffect = ({ ec2 }: Pick<Clients, 'ec2'>): Effect<PlanOf<'subnet'>, RefOf<'subnet'>> => ({
  async describe(plan, { owner, signal }) {
    const command = new DescribeSubnetsCommand({ Filters: ownerFilters(owner) });
    const { Subnets = [] } = await ec2.send(command, { abortSignal: signal });
    return Subnets.map((subnet) =>
      foundByTags(
        owner,
        subnet.Tags,
        { id: given(subnet.SubnetId, 'SubnetId') },
        {
          VPC: [subnet.VpcId, plan.vpcId],
          cidr: [subnet.CidrBlock, plan.cidr],
          'availability zone': [subnet.AvailabilityZone, plan.availabilityZone],
        },
      ),
    );
  },

  async create(plan, { tags, signal }) {
    const command = new CreateSubnetCommand({
      VpcId: plan.vpcId,
      CidrBlock: plan.cidr,
      AvailabilityZone: plan.availabilityZone,
      TagSpecifications: tagAtCreation(tags, 'subnet'),
    });
    const { Subnet } = await ec2.send(command, { abortSignal: signal });
    return { id: given(Subnet?.SubnetId, 'SubnetId') };
  },

  async remove(ref, _plan, { signal }) {
    await deleteNamingBlockers(ec2, { name: 'subnet-id', id: ref.id }, signal, () =>
      unlessGone(ec2.send(new DeleteSubnetCommand({ SubnetId: ref.id }), { abortSignal: signal })),
    );
  },

  async leftovers(scope, { signal }) {
    const command = new DescribeSubnetsCommand({ Filters: scopeFilters(scope) });
    const { Subnets = [] } = await ec2.send(command, { abortSignal: signal });
    return Subnets.map(({ SubnetId, Tags }) => leftoverOf({ id: given(SubnetId, 'SubnetId') }, tagsOf(Tags)));
  },
});
