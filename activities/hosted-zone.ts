import {
  ChangeTagsForResourceCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  GetHostedZoneCommand,
  ListHostedZonesByNameCommand,
  ListHostedZonesCommand,
  type HostedZone,
} from '@aws-sdk/client-route-53';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import type { Owner } from '../domain/resources/resource.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { allPages } from './cloud/pages.ts';
import { deleteAllRecords } from './cloud/record-sets.ts';
import { differences, given, inScope, leftoverOf, tagList } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

type Ref = RefOf<'hosted-zone'>;

/**
 * Zones of one name may be many; ours is the one whose caller reference is the step's token. Route 53 takes no tags at
 * creation, so the comment names the owner, too: sweeps read it.
 */
export function hostedZoneEffect({ route53 }: Pick<Clients, 'route53'>): Effect<PlanOf<'hosted-zone'>, Ref> {
  const details = async (Id: string, signal: AbortSignal) =>
    orAbsent(route53.send(new GetHostedZoneCommand({ Id }), { abortSignal: signal }));
  return {
    async describe(plan, { token, signal }) {
      const list = new ListHostedZonesByNameCommand({ DNSName: plan.domain });
      const { HostedZones = [] } = await route53.send(list, { abortSignal: signal });
      const named = HostedZones.filter(({ Name }) => Name === `${plan.domain}.`);
      const answers = await Promise.all(named.map(({ Id }) => details(given(Id, 'Id'), signal)));
      return answers.flatMap((answer) => {
        const { HostedZone: zone, DelegationSet: set } = answer ?? {};
        if (!zone || zone.Config?.PrivateZone) return [];
        const setId = set?.Id?.split('/').at(-1);
        return {
          ref: { id: idOf(zone), nameServers: serversOf(set?.NameServers) },
          owned: zone.CallerReference === token,
          attempt: 0,
          mismatch: differences({ 'delegation set': [setId, plan.delegationSetId] }),
        };
      });
    },

    async create(plan, { owner, token, signal }) {
      const command = new CreateHostedZoneCommand({
        Name: plan.domain,
        CallerReference: token,
        DelegationSetId: plan.delegationSetId,
        HostedZoneConfig: { Comment: ownerComment(owner) },
      });
      const { HostedZone, DelegationSet } = await route53.send(command, { abortSignal: signal });
      return {
        id: idOf(given(HostedZone, 'HostedZone')),
        nameServers: serversOf(DelegationSet?.NameServers),
      };
    },

    async complete(ref, _plan, { tags, signal }) {
      const command = new ChangeTagsForResourceCommand({
        ResourceType: 'hostedzone',
        ResourceId: ref.id,
        AddTags: tagList(tags),
      });
      await route53.send(command, { abortSignal: signal });
      return ref;
    },

    /** With whatever records it holds: Route 53 deletes only an empty zone, and without it they answer nobody. */
    async remove(ref, _plan, { signal }) {
      await unlessGone(deleteAllRecords(route53, ref.id, signal));
      await unlessGone(route53.send(new DeleteHostedZoneCommand({ Id: ref.id }), { abortSignal: signal }));
    },

    async leftovers(scope, { signal }) {
      const zones = await allPages(async (Marker) => {
        const command = new ListHostedZonesCommand(Marker ? { Marker } : {});
        const page = await route53.send(command, { abortSignal: signal });
        return { items: page.HostedZones ?? [], next: page.IsTruncated ? page.NextMarker : undefined };
      });
      return zones
        .map((zone) => ({ zone, tags: tagsInComment(zone.Config?.Comment) }))
        .filter(({ tags }) => inScope(scope, tags))
        .map(({ zone, tags }) => leftoverOf({ id: idOf(zone), nameServers: [] }, tags));
    },
  };
}

/** `zonewright:operation=… zonewright:zone=…`: 256 characters at most, so what a sweep asks for comes first. */
const ownerComment = ({ operation, zone, environment, step }: Owner): string =>
  Object.entries({ operation, zone, environment, step })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `zonewright:${key}=${value}`)
    .join(' ')
    .slice(0, 256);

const tagsInComment = (comment = ''): Record<string, string> =>
  Object.fromEntries(
    comment.split(' ').map((pair) => [pair.split('=')[0] ?? '', pair.split('=').slice(1).join('=')]),
  );

const idOf = (zone: HostedZone): string => given(zone.Id, 'Id').split('/').at(-1) ?? '';
const serversOf = (names: readonly string[] = []): string[] =>
  names.map((name) => name.replace(/\.$/, '')).toSorted();
