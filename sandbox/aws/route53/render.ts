/** Route 53's documents. */
import type { Answer, Call } from '../call.ts';
import type { XmlObject } from '../xml.ts';
import type { Change, DelegationSet, HostedZone, RecordSet } from './store.ts';

const NAMESPACE = 'https://route53.amazonaws.com/doc/2013-04-01/';

export function respond(call: Call, fields: XmlObject): Answer {
  const document = { name: `${call.action}Response`, fields: { '@xmlns': NAMESPACE, ...fields } };
  return { status: 200, headers: {}, document };
}

export function zoneXml(zone: HostedZone): XmlObject {
  return {
    Id: `/hostedzone/${zone.id}`,
    Name: zone.name,
    CallerReference: zone.callerReference,
    Config: { Comment: zone.comment, PrivateZone: String(zone.vpc !== undefined) },
    ResourceRecordSetCount: String(zone.records.length),
  };
}

export function delegationSetXml(set: DelegationSet): XmlObject {
  return {
    ...(set.reusable ? { Id: `/delegationset/${set.id}`, CallerReference: set.callerReference } : {}),
    NameServers: { NameServer: [...set.nameServers] },
  };
}

/** A change has reached all name servers a while after it was submitted. */
export function changeXml(change: Change, changeMs: number): XmlObject {
  return {
    Id: `/change/${change.id}`,
    Status: Date.now() - change.submittedAt.getTime() < changeMs ? 'PENDING' : 'INSYNC',
    SubmittedAt: change.submittedAt.toISOString(),
    ...(change.comment === '' ? {} : { Comment: change.comment }),
  };
}

export function recordXml(record: RecordSet): XmlObject {
  const { name, type, ttl, values, alias } = record;
  if (alias !== undefined) {
    const { zoneId, name: target, evaluateHealth } = alias;
    const AliasTarget = {
      HostedZoneId: zoneId,
      DNSName: target,
      EvaluateTargetHealth: String(evaluateHealth),
    };
    return { Name: name, Type: type, AliasTarget };
  }
  const records = values.map((Value) => ({ Value }));
  return { Name: name, Type: type, TTL: String(ttl), ResourceRecords: { ResourceRecord: records } };
}
