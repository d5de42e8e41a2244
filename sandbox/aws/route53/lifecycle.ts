/** Making and unmaking of hosted zones and delegation sets. */
import { AwsError } from '../call.ts';
import type { Answer } from '../call.ts';
import { objectOf, textOf } from '../xml.ts';
import { normalName } from './records.ts';
import { changeXml, delegationSetXml, respond, zoneXml } from './render.ts';
import type { Request } from './service.ts';
import { apexRecords, newId } from './store.ts';
import type { DelegationSet, HostedZone, ZoneStore } from './store.ts';

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html */
export function createHostedZone(store: ZoneStore, { call, fields, changeMs }: Request): Answer {
  const name = normalName(textOf(fields, 'Name') ?? '');
  const callerReference = textOf(fields, 'CallerReference') ?? '';
  if (!/^([a-z0-9_-]{1,63}\.)+$/.test(name))
    throw new AwsError('InvalidDomainName', `The domain name "${name}" is not valid`);
  if ([...store.zones.values()].some((zone) => zone.callerReference === callerReference)) {
    const message = `A hosted zone has already been created with the specified caller reference: ${callerReference}`;
    throw new AwsError('HostedZoneAlreadyExists', message, 409);
  }
  const vpcId = textOf(fields, 'VPC', 'VPCId');
  const reusable = textOf(fields, 'DelegationSetId')?.split('/').at(-1);
  const set = reusable === undefined ? undefined : store.set(reusable);
  if (set !== undefined) refuseConflict(store, name, set);
  const delegationSet = set ?? store.openSet(undefined);
  const zone: HostedZone = {
    ...{ id: newId('Z'), name, callerReference, delegationSet, tags: {}, serial: 1 },
    comment: textOf(objectOf(fields, 'HostedZoneConfig'), 'Comment') ?? '',
    ...(vpcId === undefined ? {} : { vpc: { id: vpcId, region: textOf(fields, 'VPC', 'VPCRegion') ?? '' } }),
    records: apexRecords(name, delegationSet),
  };
  store.zones.set(zone.id, zone);
  const answer = respond(call, {
    HostedZone: zoneXml(zone),
    ChangeInfo: changeXml(store.submitChange(''), changeMs),
    ...(vpcId === undefined ? { DelegationSet: delegationSetXml(delegationSet) } : {}),
  });
  const location = `https://route53.amazonaws.com/2013-04-01/hostedzone/${zone.id}`;
  return { ...answer, status: 201, headers: { location } };
}

/** Zones that share name servers may neither be equal nor contain each other. */
function refuseConflict(store: ZoneStore, name: string, set: DelegationSet): void {
  const inside = (inner: string, outer: string): boolean => inner === outer || inner.endsWith(`.${outer}`);
  const conflict = [...store.zones.values()].find(
    (zone) => zone.delegationSet.id === set.id && (inside(zone.name, name) || inside(name, zone.name)),
  );
  if (conflict === undefined) return;
  const message = `Cannot create hosted zone with DelegationSetId ${set.id} as the DNSName ${name} conflicts with existing ones sharing the delegation set`;
  throw new AwsError('ConflictingDomainExists', message);
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html */
export function deleteHostedZone(store: ZoneStore, { call, id, changeMs }: Request): Answer {
  const zone = store.zone(id);
  const own = zone.records.filter(
    ({ name, type }) => name === zone.name && (type === 'NS' || type === 'SOA'),
  );
  if (zone.records.length > own.length) {
    throw new AwsError(
      'HostedZoneNotEmpty',
      'The specified hosted zone contains non-required resource record sets and so cannot be deleted.',
    );
  }
  store.zones.delete(id);
  if (!zone.delegationSet.reusable) store.sets.delete(zone.delegationSet.id);
  return respond(call, { ChangeInfo: changeXml(store.submitChange(''), changeMs) });
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateReusableDelegationSet.html */
export function createDelegationSet(store: ZoneStore, { call, fields }: Request): Answer {
  const callerReference = textOf(fields, 'CallerReference') ?? '';
  if ([...store.sets.values()].some((set) => set.callerReference === callerReference)) {
    const message = `A delegation set with the same owner and caller reference combination has already been created: ${callerReference}`;
    throw new AwsError('DelegationSetAlreadyCreated', message);
  }
  const zoneId = textOf(fields, 'HostedZoneId')?.split('/').at(-1);
  const set = zoneId === undefined ? store.openSet(callerReference) : reuse(store, zoneId, callerReference);
  const answer = respond(call, { DelegationSet: delegationSetXml(set) });
  return {
    ...answer,
    status: 201,
    headers: { location: `https://route53.amazonaws.com/2013-04-01/delegationset/${set.id}` },
  };
}

/** Makes the name servers of an existing zone reusable. */
function reuse(store: ZoneStore, zoneId: string, callerReference: string): DelegationSet {
  const { delegationSet } = store.zone(zoneId);
  if (delegationSet.reusable) {
    throw new AwsError(
      'DelegationSetAlreadyReusable',
      'The specified delegation set has already been marked as reusable.',
    );
  }
  return Object.assign(delegationSet, { reusable: true, callerReference });
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteReusableDelegationSet.html */
export function deleteDelegationSet(store: ZoneStore, { call, id }: Request): Answer {
  const set = store.set(id);
  if ([...store.zones.values()].some((zone) => zone.delegationSet === set)) {
    throw new AwsError(
      'DelegationSetInUse',
      'The specified delegation contains associated hosted zones which must be deleted before the reusable delegation set can be deleted.',
    );
  }
  store.sets.delete(id);
  return respond(call, {});
}
