import {
  CreateVpcCommand,
  DeleteVpcCommand,
  DescribeVpcsCommand,
  ModifyVpcAttributeCommand,
} from '@aws-sdk/client-ec2';
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

export const vpcEffect = ({ ec2 }: Pick<Clients, 'ec2'>): Effect<PlanOf<'vpc'>, RefOf<'vpc'>> => ({
  async describe(plan, { owner, signal }) {
    const command = new DescribeVpcsCommand({ Filters: ownerFilters(owner) });
    const { Vpcs = [] } = await ec2.send(command, { abortSignal: signal });
    return Vpcs.map((vpc) =>
      foundByTags(owner, vpc.Tags, { id: given(vpc.VpcId, 'VpcId') }, { cidr: [vpc.CidrBlock, plan.cidr] }),
    );
  },

  async create(plan, { tags, signal }) {
    const command = new CreateVpcCommand({
      CidrBlock: plan.cidr,
      TagSpecifications: tagAtCreation(tags, 'vpc'),
    });
    const { Vpc } = await ec2.send(command, { abortSignal: signal });
    return { id: given(Vpc?.VpcId, 'VpcId') };
  },

  /** EC2 changes one attribute a call; resolving is on by default, names are not. */
  async complete(ref, _plan, { signal }) {
    const command = new ModifyVpcAttributeCommand({ VpcId: ref.id, EnableDnsHostnames: { Value: true } });
    await ec2.send(command, { abortSignal: signal });
    return ref;
  },

  async remove(ref, _plan, { signal }) {
    await deleteNamingBlockers(ec2, { name: 'vpc-id', id: ref.id }, signal, () =>
      unlessGone(ec2.send(new DeleteVpcCommand({ VpcId: ref.id }), { abortSignal: signal })),
    );
  },

  async leftovers(scope, { signal }) {
    const command = new DescribeVpcsCommand({ Filters: scopeFilters(scope) });
    const { Vpcs = [] } = await ec2.send(command, { abortSignal: signal });
    return Vpcs.map(({ VpcId, Tags }) => leftoverOf({ id: given(VpcId, 'VpcId') }, tagsOf(Tags)));
  },
});
