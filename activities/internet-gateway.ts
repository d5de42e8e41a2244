import {
  AttachInternetGatewayCommand,
  CreateInternetGatewayCommand,
  DeleteInternetGatewayCommand,
  DescribeInternetGatewaysCommand,
  DetachInternetGatewayCommand,
  type Filter,
  type InternetGateway,
} from '@aws-sdk/client-ec2';
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

/** Attached to its VPC by `complete`, since EC2 creates it loose. */
export function internetGatewayEffect({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<PlanOf<'internet-gateway'>, RefOf<'internet-gateway'>> {
  const list = async (
    request: { Filters?: Filter[]; InternetGatewayIds?: string[] },
    signal: AbortSignal,
  ) => {
    const command = new DescribeInternetGatewaysCommand(request);
    return (await orAbsent(ec2.send(command, { abortSignal: signal })))?.InternetGateways ?? [];
  };
  return {
    async describe(plan, { owner, signal }) {
      const gateways = await list({ Filters: ownerFilters(owner) }, signal);
      return gateways.map((gateway) =>
        foundByTags(owner, gateway.Tags, refOf(gateway), {
          VPC: [vpcOf(gateway) ?? plan.vpcId, plan.vpcId],
        }),
      );
    },

    async create(_plan, { tags, signal }) {
      const command = new CreateInternetGatewayCommand({
        TagSpecifications: tagAtCreation(tags, 'internet-gateway'),
      });
      const { InternetGateway } = await ec2.send(command, { abortSignal: signal });
      return { id: given(InternetGateway?.InternetGatewayId, 'InternetGatewayId') };
    },

    async complete(ref, plan, { signal }) {
      const [gateway] = await list({ InternetGatewayIds: [ref.id] }, signal);
      if (gateway && vpcOf(gateway) === plan.vpcId) return ref;
      const command = new AttachInternetGatewayCommand({ InternetGatewayId: ref.id, VpcId: plan.vpcId });
      await ec2.send(command, { abortSignal: signal });
      return ref;
    },

    async remove(ref, _plan, { signal }) {
      const [gateway] = await list({ InternetGatewayIds: [ref.id] }, signal);
      const VpcId = gateway && vpcOf(gateway);
      if (VpcId !== undefined) {
        const detach = new DetachInternetGatewayCommand({ InternetGatewayId: ref.id, VpcId });
        await unlessGone(ec2.send(detach, { abortSignal: signal }));
      }
      const command = new DeleteInternetGatewayCommand({ InternetGatewayId: ref.id });
      await unlessGone(ec2.send(command, { abortSignal: signal }));
    },

    async leftovers(scope, { signal }) {
      const gateways = await list({ Filters: scopeFilters(scope) }, signal);
      return gateways.map((gateway) => leftoverOf(refOf(gateway), tagsOf(gateway.Tags)));
    },
  };
}

const vpcOf = (gateway: InternetGateway): string | undefined => gateway.Attachments?.[0]?.VpcId;
const refOf = (gateway: InternetGateway) => ({ id: given(gateway.InternetGatewayId, 'InternetGatewayId') });
