import {
  AssociateAddressCommand,
  DescribeAddressesCommand,
  DisassociateAddressCommand,
} from '@aws-sdk/client-ec2';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { differences, given } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

/** An address has at most one association, so the address is its natural name. */
export const elasticIpAssociationEffect = ({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<PlanOf<'elastic-ip-association'>, RefOf<'elastic-ip-association'>> => ({
  async describe(plan, { signal }) {
    const command = new DescribeAddressesCommand({ AllocationIds: [plan.allocationId] });
    const answer = await orAbsent(ec2.send(command, { abortSignal: signal }));
    const address = answer?.Addresses?.[0];
    if (!address?.AssociationId) return [];
    const mismatch = differences({
      'network interface': [address.NetworkInterfaceId, plan.networkInterfaceId],
    });
    return [{ ref: { id: address.AssociationId }, owned: mismatch.length === 0, attempt: 0, mismatch }];
  },

  async create(plan, { signal }) {
    const command = new AssociateAddressCommand({
      AllocationId: plan.allocationId,
      NetworkInterfaceId: plan.networkInterfaceId,
      // Never taken away from where it is: that would be somebody's traffic.
      AllowReassociation: false,
    });
    const { AssociationId } = await ec2.send(command, { abortSignal: signal });
    return { id: given(AssociationId, 'AssociationId') };
  },

  async remove(ref, _plan, { signal }) {
    const command = new DisassociateAddressCommand({ AssociationId: ref.id });
    await unlessGone(ec2.send(command, { abortSignal: signal }));
  },

  leftovers: 'with its parent',
});
