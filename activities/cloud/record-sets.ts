import {
  ChangeResourceRecordSetsCommand,
  ListResourceRecordSetsCommand,
  type Change,
  type ResourceRecordSet,
  type Route53Client,
} from '@aws-sdk/client-route-53';
import type { PlanOf } from '../../domain/resources/index.ts';
import { allPages } from './pages.ts';

type DnsRecord = PlanOf<'dns-records'>['records'][number];

/** All record sets of a hosted zone. */
export const recordSetsOf = (route53: Route53Client, HostedZoneId: string, signal: AbortSignal) =>
  allPages<ResourceRecordSet>(async (marker) => {
    const [StartRecordName, StartRecordType] = marker?.split(' ') ?? [];
    const command = new ListResourceRecordSetsCommand({
      HostedZoneId,
      ...(StartRecordName === undefined ? {} : { StartRecordName }),
      ...(StartRecordType === undefined ? {} : { StartRecordType: StartRecordType as never }),
    });
    const page = await route53.send(command, { abortSignal: signal });
    return {
      items: page.ResourceRecordSets ?? [],
      next: page.IsTruncated ? `${page.NextRecordName} ${page.NextRecordType}` : undefined,
    };
  });

/** Changes a zone as one batch, which takes effect whole or not at all. Answers the id of the change. */
export async function changeRecords(
  route53: Route53Client,
  HostedZoneId: string,
  Changes: Change[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (Changes.length === 0) return undefined;
  const command = new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } });
  const { ChangeInfo } = await route53.send(command, { abortSignal: signal });
  return ChangeInfo?.Id?.split('/').at(-1);
}

/** Empties a zone but for the records that Route 53 itself keeps at its apex. */
export async function deleteAllRecords(
  route53: Route53Client,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const sets = await recordSetsOf(route53, id, signal);
  const apex = sets.find(({ Type }) => Type === 'SOA')?.Name;
  const own = sets.filter(({ Name, Type }) => !(Name === apex && (Type === 'SOA' || Type === 'NS')));
  const changes = own.map((set): Change => ({ Action: 'DELETE', ResourceRecordSet: set }));
  await changeRecords(route53, id, changes, signal);
}

/** A planned record as Route 53 takes it. */
export const recordSetOf = (record: DnsRecord): ResourceRecordSet => ({
  Name: `${record.name}.`,
  Type: record.type,
  TTL: record.ttlSeconds,
  ResourceRecords: record.values.map((Value) => ({ Value: valueText(record.type, Value) })),
});

/** Text records are quoted, in pieces of at most 255 characters. */
function valueText(type: DnsRecord['type'], value: string): string {
  if (type !== 'TXT' || value.startsWith('"')) return value;
  const pieces = value.match(/.{1,255}/gs) ?? [''];
  return pieces.map((piece) => `"${piece.replaceAll(/["\\]/g, '\\$&')}"`).join(' ');
}

/** Name and type, which are unique in a zone. Route 53 answers `*` as `\052` and names in lower case. */
export const recordKey = (name: string | undefined, type: string | undefined): string =>
  `${(name ?? '').replaceAll('\\052', '*').replace(/\.$/, '').toLowerCase()} ${type}`;

/** Values without order, to compare by. */
export const valuesOf = (set: ResourceRecordSet): string[] =>
  (set.ResourceRecords ?? []).map(({ Value = '' }) => Value.replace(/\.$/, '')).toSorted();
