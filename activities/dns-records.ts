import {
  GetChangeCommand,
  ListHostedZonesCommand,
  type Change,
  type ResourceRecordSet,
} from '@aws-sdk/client-route-53';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { allPages } from './cloud/pages.ts';
import { changeRecords, recordKey, recordSetOf, recordSetsOf, valuesOf } from './cloud/record-sets.ts';
import { differences, given } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

type Plan = PlanOf<'dns-records'>;
type Ref = RefOf<'dns-records'>;

/** Records bear no tags: the zone with name and type is their natural name, and their values say whose they are. */
export function dnsRecordsEffect({ route53 }: Pick<Clients, 'route53'>): Effect<Plan, Ref> {
  const change = async (plan: Plan, Action: 'CREATE' | 'UPSERT', signal: AbortSignal): Promise<Ref> => {
    const changes = plan.records.map((record): Change => ({
      Action,
      ResourceRecordSet: recordSetOf(record),
    }));
    const changeId = await changeRecords(route53, plan.hostedZoneId, changes, signal);
    return { id: refId(plan), ...(changeId === undefined ? {} : { changeId }) };
  };
  return {
    async describe(plan, { signal }) {
      const sets = (await orAbsent(recordSetsOf(route53, plan.hostedZoneId, signal))) ?? [];
      const there = planned(plan, sets);
      if (there.length === 0) return [];
      const mismatch = there.flatMap(({ set, wanted }) =>
        differences({ [recordKey(set.Name, set.Type)]: [valuesOf(set), valuesOf(wanted)] }),
      );
      return [{ ref: { id: refId(plan) }, owned: mismatch.length === 0, attempt: 0, mismatch }];
    },

    /** CREATE refuses what exists; an UPSERT would write over somebody else's. */
    create: (plan, { signal }) => change(plan, 'CREATE', signal),

    /** Adopted ones are written again with the same values, to have a change to wait for. */
    complete: async (ref, plan, { signal }) =>
      ref.changeId === undefined ? change(plan, 'UPSERT', signal) : ref,

    async remove(ref, plan, { signal }) {
      const [zoneId = '', names = ''] = ref.id.split('/');
      const sets = (await orAbsent(recordSetsOf(route53, zoneId, signal))) ?? [];
      const mine = plan
        ? planned(plan, sets)
            .filter(({ set, wanted }) => valuesOf(set).join() === valuesOf(wanted).join())
            .map(({ set }) => set)
        : sets.filter(({ Name, Type }) => names.split(',').includes(recordKey(Name, Type)));
      const changes = mine.map((set): Change => ({ Action: 'DELETE', ResourceRecordSet: set }));
      await unlessGone(changeRecords(route53, zoneId, changes, signal));
    },

    /**
     * Those in a zone's own hosted zone go with it. What can stay behind is its delegation in the hosted zone of a
     * parent domain, which says which zone it belongs to; it does not say which operation made it.
     */
    async leftovers(scope, { signal }) {
      if (!('environment' in scope)) return [];
      const domain = scope.zone.endsWith(scope.environment)
        ? scope.zone
        : `${scope.zone}.${scope.environment}`;
      const zones = await allPages(async (Marker) => {
        const page = await route53.send(new ListHostedZonesCommand(Marker ? { Marker } : {}), {
          abortSignal: signal,
        });
        return { items: page.HostedZones ?? [], next: page.IsTruncated ? page.NextMarker : undefined };
      });
      const parents = zones.filter(({ Name = '' }) => `${domain}.`.endsWith(`.${Name}`));
      const found = await Promise.all(
        parents.map(async ({ Id }) => {
          const zoneId = given(Id, 'Id').split('/').at(-1) ?? '';
          const sets = (await orAbsent(recordSetsOf(route53, zoneId, signal))) ?? [];
          const below = sets.filter(({ Name = '' }) => `.${Name}`.endsWith(`.${domain}.`));
          return below.map(({ Name, Type }) => `${zoneId}/${recordKey(Name, Type)}`);
        }),
      );
      return found.flat().map((id) => ({ id, ref: { id } }));
    },

    async pending(ref, _plan, { signal }) {
      if (ref.changeId === undefined) return undefined;
      const answer = await orAbsent(
        route53.send(new GetChangeCommand({ Id: ref.changeId }), { abortSignal: signal }),
      );
      // Route 53 forgets changes that are long in sync.
      if (answer === undefined || answer.ChangeInfo?.Status === 'INSYNC') return undefined;
      return `change "${ref.changeId}" of DNS records is ${answer.ChangeInfo?.Status ?? 'pending'}`;
    },
  };
}

const refId = (plan: Plan): string =>
  `${plan.hostedZoneId}/${plan.records.map(({ name, type }) => recordKey(name, type)).join(',')}`;

/** The planned record sets that exist, each beside what the plan says. */
function planned(plan: Plan, sets: readonly ResourceRecordSet[]) {
  const wanted = new Map(
    plan.records.map((record) => [recordKey(record.name, record.type), recordSetOf(record)]),
  );
  return sets.flatMap((set) => {
    const record = wanted.get(recordKey(set.Name, set.Type));
    return record ? [{ set, wanted: record }] : [];
  });
}
