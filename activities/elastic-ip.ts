import {
  AllocateAddressCommand,
  DescribeAddressesCommand,
  ReleaseAddressCommand,
  type Filter,
} from '@aws-sdk/client-ec2';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
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

export function elasticIpEffect({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<PlanOf<'elastic-ip'>, RefOf<'elastic-ip'>> {
  const list = async (Filters: Filter[], signal: AbortSignal) =>
    (await ec2.send(new DescribeAddressesCommand({ Filters }), { abortSignal: signal })).Addresses ?? [];
  const refOf = (address: { AllocationId?: string | undefined; PublicIp?: string | undefined }) => ({
    id: given(address.AllocationId, 'AllocationId'),
    publicIp: given(address.PublicIp, 'PublicIp'),
  });
  return {
    async describe(_plan, { owner, signal }) {
      const addresses = await list(ownerFilters(owner), signal);
      return addresses.map((address) =>
        foundByTags(owner, address.Tags, refOf(address), { domain: [address.Domain ?? 'vpc', 'vpc'] }),
      );
    },

    async create(_plan, { tags, signal }) {
      const command = new AllocateAddressCommand({
        Domain: 'vpc',
        TagSpecifications: tagAtCreation(tags, 'elastic-ip'),
      });
      return refOf(await ec2.send(command, { abortSignal: signal }));
    },

    /** Refused while it is in use: what uses it goes first. */
    async remove(ref, _plan, { signal }) {
      const command = new ReleaseAddressCommand({ AllocationId: ref.id });
      await unlessGone(ec2.send(command, { abortSignal: signal }));
    },

    async leftovers(scope, { signal }) {
      const addresses = await list(scopeFilters(scope), signal);
      return addresses.map((address) => leftoverOf(refOf(address), tagsOf(address.Tags)));
    },
  };
}
