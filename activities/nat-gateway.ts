import {
  CreateNatGatewayCommand,
  DeleteNatGatewayCommand,
  DescribeNatGatewaysCommand,
  type Filter,
  type NatGateway,
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
import type { Effect } from './effect.ts';

/** Deleted ones are listed for an hour more. */
const THERE: Filter = { Name: 'state', Values: ['pending', 'available', 'failed', 'deleting'] };

export function natGatewayEffect({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<PlanOf<'nat-gateway'>, RefOf<'nat-gateway'>> {
  const list = async (request: { Filter?: Filter[]; NatGatewayIds?: string[] }, signal: AbortSignal) => {
    const command = new DescribeNatGatewaysCommand(request);
    return (await orAbsent(ec2.send(command, { abortSignal: signal })))?.NatGateways ?? [];
  };
  return {
    async describe(plan, { owner, signal }) {
      const gateways = await list({ Filter: [...ownerFilters(owner), THERE] }, signal);
      return gateways.map((gateway) => ({
        ...foundByTags(owner, gateway.Tags, refOf(gateway), {
          subnet: [gateway.SubnetId, plan.subnetId],
          'Elastic IP': [allocationOf(gateway) ?? plan.allocationId, plan.allocationId],
        }),
        leaving: gateway.State === 'deleting',
      }));
    },

    async create(plan, { tags, token, signal }) {
      const command = new CreateNatGatewayCommand({
        SubnetId: plan.subnetId,
        AllocationId: plan.allocationId,
        ClientToken: token,
        TagSpecifications: tagAtCreation(tags, 'natgateway'),
      });
      const { NatGateway } = await ec2.send(command, { abortSignal: signal });
      return { id: given(NatGateway?.NatGatewayId, 'NatGatewayId') };
    },

    async remove(ref, _plan, { signal }) {
      const command = new DeleteNatGatewayCommand({ NatGatewayId: ref.id });
      await unlessGone(ec2.send(command, { abortSignal: signal }));
    },

    async leftovers(scope, { signal }) {
      const gateways = await list({ Filter: [...scopeFilters(scope), THERE] }, signal);
      return gateways.map((gateway) => leftoverOf(refOf(gateway), tagsOf(gateway.Tags)));
    },

    async pending(ref, _plan, { signal }) {
      const [gateway] = await list({ NatGatewayIds: [ref.id] }, signal);
      if (gateway?.State === 'available') return undefined;
      if (gateway && gateway.State !== 'pending') {
        throw new ZonewrightError(
          'CloudRefused',
          `Cannot use NAT gateway "${ref.id}": it is ${gateway.State} ${gateway.FailureMessage ?? ''}`.trim(),
          { details: { id: ref.id, code: gateway.FailureCode } },
        );
      }
      return `NAT gateway "${ref.id}" is ${gateway?.State ?? 'not seen yet'}`;
    },
  };
}

const refOf = (gateway: NatGateway) => ({ id: given(gateway.NatGatewayId, 'NatGatewayId') });
const allocationOf = (gateway: NatGateway): string | undefined =>
  gateway.NatGatewayAddresses?.[0]?.AllocationId;
