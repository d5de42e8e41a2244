import {
  CreateReusableDelegationSetCommand,
  ListReusableDelegationSetsCommand,
  type DelegationSet,
} from '@aws-sdk/client-route-53';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import type { Clients } from './cloud/clients.ts';
import { allPages } from './cloud/pages.ts';
import { given } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

/** The one of the account, whoever made it. */
export const delegationSetEffect = ({
  route53,
}: Pick<Clients, 'route53'>): Effect<PlanOf<'delegation-set'>, RefOf<'delegation-set'>> => ({
  shared: true,

  async describe(plan, { signal }) {
    const sets = await allPages(async (Marker) => {
      const command = new ListReusableDelegationSetsCommand(Marker ? { Marker } : {});
      const page = await route53.send(command, { abortSignal: signal });
      return { items: page.DelegationSets ?? [], next: page.IsTruncated ? page.NextMarker : undefined };
    });
    return sets
      .filter(({ CallerReference }) => CallerReference === plan.callerReference)
      .map((set) => ({ ref: refOf(set), owned: true, attempt: 0, mismatch: [] }));
  },

  async create(plan, { signal }) {
    const command = new CreateReusableDelegationSetCommand({ CallerReference: plan.callerReference });
    const { DelegationSet } = await route53.send(command, { abortSignal: signal });
    return refOf(given(DelegationSet, 'DelegationSet'));
  },

  /** Nothing: parents delegate to its name servers, and a new set would have others. */
  async remove() {},

  /** Shared by all zones of the account, so it is nobody's leftover. */
  leftovers: () => Promise.resolve([]),
});

/** Without the prefix `/delegationset/`, which requests take or leave. */
const refOf = (set: DelegationSet): RefOf<'delegation-set'> => ({
  id: given(set.Id, 'Id').split('/').at(-1) ?? '',
  nameServers: (set.NameServers ?? []).map((name) => name.replace(/\.$/, '')).toSorted(),
});
