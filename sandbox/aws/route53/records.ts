/**
 * Changes of record sets: a batch is carried out as a whole or not at all.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
 */
import { isIPv4, isIPv6 } from 'node:net';
import { AwsError } from '../call.ts';
import { itemsOf, objectOf, textOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';
import type { HostedZone, RecordSet } from './store.ts';

export interface RecordChange {
  readonly action: 'CREATE' | 'DELETE' | 'UPSERT';
  readonly record: RecordSet;
}

const TYPES = new Set(['A', 'AAAA', 'CNAME', 'NS', 'TXT', 'SRV', 'CAA', 'SOA', 'MX', 'PTR']);

/** Lower case with a final dot; an asterisk is written as Route 53 shows it. */
export function normalName(name: string): string {
  const lower = name.toLowerCase().replaceAll('*', String.raw`\052`);
  return lower.endsWith('.') ? lower : `${lower}.`;
}

export function readChanges(fields: XmlObject): RecordChange[] {
  const changes = itemsOf(objectOf(objectOf(fields, 'ChangeBatch'), 'Changes'), 'Change');
  if (changes.length === 0) throw new AwsError('InvalidInput', 'A change batch needs at least one change');
  return changes.map((change) => ({
    action: (textOf(change, 'Action') ?? '') as RecordChange['action'],
    record: readRecord(objectOf(change, 'ResourceRecordSet')),
  }));
}

function readRecord(fields: XmlObject): RecordSet {
  const name = normalName(textOf(fields, 'Name') ?? '');
  const type = textOf(fields, 'Type') ?? '';
  if (fields['SetIdentifier'] !== undefined || fields['Weight'] !== undefined) {
    throw new AwsError('InvalidInput', `Record "${name}": routing policies are not supported in the sandbox`);
  }
  const values = itemsOf(objectOf(fields, 'ResourceRecords'), 'ResourceRecord').flatMap(
    (each) => textOf(each, 'Value') ?? [],
  );
  const target = objectOf(fields, 'AliasTarget');
  const ttl = textOf(fields, 'TTL');
  return {
    name,
    type,
    values,
    ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
    ...(target['DNSName'] === undefined
      ? {}
      : {
          alias: {
            zoneId: textOf(target, 'HostedZoneId') ?? '',
            name: normalName(textOf(target, 'DNSName') ?? ''),
            evaluateHealth: textOf(target, 'EvaluateTargetHealth') === 'true',
          },
        }),
  };
}

/** The zone's records after the changes. @throws {AwsError} InvalidChangeBatch with every reason against it */
export function changed(zone: HostedZone, changes: readonly RecordChange[]): readonly RecordSet[] {
  const records = new Map(zone.records.map((record) => [keyOf(record), record]));
  const problems: string[] = [];
  for (const { action, record } of changes) {
    const problem = problemOf(zone, records, action, record);
    if (problem !== undefined) problems.push(problem);
    else if (action === 'DELETE') records.delete(keyOf(record));
    else records.set(keyOf(record), record);
  }
  if (problems.length > 0) throw new AwsError('InvalidChangeBatch', `[${problems.join(', ')}]`);
  return [...records.values()].sort(byName);
}

const keyOf = (record: RecordSet): string => `${record.name} ${record.type}`;

function problemOf(
  zone: HostedZone,
  records: ReadonlyMap<string, RecordSet>,
  action: RecordChange['action'],
  record: RecordSet,
): string | undefined {
  const { name, type } = record;
  const called = `resource record set [name='${name}', type='${type}']`;
  if (!TYPES.has(type)) return `Invalid record type '${type}'`;
  if (name !== zone.name && !name.endsWith(`.${zone.name}`)) {
    return `RRSet with DNS name ${name} is not permitted in zone ${zone.name}`;
  }
  const existing = records.get(keyOf(record));
  if (action === 'DELETE') {
    if (existing === undefined) return `Tried to delete ${called} but it was not found`;
    if (!sameRecord(existing, record))
      return `Tried to delete ${called} but the values provided do not match the current values`;
    if (name === zone.name && type === 'SOA') return 'A HostedZone must contain exactly one SOA record.';
    if (name === zone.name && type === 'NS')
      return 'A HostedZone must contain at least one NS record for the zone itself.';
    return undefined;
  }
  if (action === 'CREATE' && existing !== undefined) return `Tried to create ${called} but it already exists`;
  return invalidValue(record) ?? conflict(zone, records, record);
}

function conflict(
  zone: HostedZone,
  records: ReadonlyMap<string, RecordSet>,
  record: RecordSet,
): string | undefined {
  const { name, type } = record;
  const clash = [...records.values()].some(
    (each) => each.name === name && each.type !== type && (type === 'CNAME' || each.type === 'CNAME'),
  );
  const atApex = type === 'CNAME' && name === zone.name;
  if (!clash && !atApex) return undefined;
  return `RRSet of type ${type} with DNS name ${name} is not permitted as it conflicts with other records with the same DNS name in zone ${zone.name}`;
}

function invalidValue(record: RecordSet): string | undefined {
  if (record.alias !== undefined) return undefined;
  if (record.values.length === 0 || record.ttl === undefined) {
    return `Invalid request: Missing field 'TTL' or 'ResourceRecords' in record '${record.name}'`;
  }
  for (const value of record.values) {
    if (record.type === 'A' && !isIPv4(value)) return illegal('ARRDATAIllegalIPv4Address', 'IPv4', value);
    if (record.type === 'AAAA' && !isIPv6(value))
      return illegal('AAAARRDATAIllegalIPv6Address', 'IPv6', value);
    if (record.type === 'TXT' && !/^("(?:[^"\\]|\\.)*"\s*)+$/.test(value)) {
      return `Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '${value}''`;
    }
  }
  return record.type === 'CNAME' && record.values.length > 1 ? 'A CNAME record has one value' : undefined;
}

const illegal = (code: string, family: string, value: string): string =>
  `Invalid Resource Record: 'FATAL problem: ${code} (Value is not a valid ${family} address) encountered with '${value}''`;

function sameRecord(a: RecordSet, b: RecordSet): boolean {
  const text = (each: RecordSet): string =>
    JSON.stringify([each.ttl, [...each.values].sort(), each.alias?.name, each.alias?.zoneId]);
  return text(a) === text(b);
}

const reversed = (name: string): string => name.split('.').reverse().join('.');

/** Order of lists: labels from the right, then type. */
export function byName(a: RecordSet, b: RecordSet): number {
  const [x, y] = [`${reversed(a.name)} ${a.type}`, `${reversed(b.name)} ${b.type}`];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** True where the record does not come before the place a list shall start at. */
export function notBefore(record: RecordSet, name: string | null, type: string | null): boolean {
  if (name === null) return true;
  const start = { name: normalName(name), type: type ?? '', values: [] };
  return byName(record, start) >= 0;
}
