/** What the name servers serve, as text: a file per hosted zone, one for the root, and CoreDNS's own configuration. */
import type { DelegationSet, HostedZone, RecordSet } from '../aws/route53/store.ts';
import { ROOT_NAME_SERVER_ADDRESS } from '../network/model.ts';

export interface ServedZones {
  readonly zones: readonly HostedZone[];
  readonly sets: readonly DelegationSet[];
  /** Domains that the root delegates, with a final dot. */
  readonly domains: readonly string[];
}

/** Name of each file and what it holds; `Corefile` is CoreDNS's configuration. */
export function renderFiles(served: ServedZones, folder: string): Map<string, string> {
  const publicZones = served.zones.filter((zone) => zone.vpc === undefined);
  const files = new Map([
    ['Corefile', renderCorefile(publicZones, folder)],
    ['root.zone', renderRoot(served)],
  ]);
  for (const zone of publicZones) files.set(`${zone.id}.zone`, renderZone(zone, publicZones));
  return files;
}

function renderCorefile(zones: readonly HostedZone[], folder: string): string {
  const block = (name: string, file: string, addresses: readonly string[]): string =>
    `${name}:53 {\n  bind ${addresses.join(' ')}\n  file ${folder}/${file} ${name} {\n    reload 0\n  }\n}\n`;
  return [
    block('.', 'root.zone', [ROOT_NAME_SERVER_ADDRESS]),
    ...zones.map((zone) => block(zone.name, `${zone.id}.zone`, zone.delegationSet.addresses)),
  ].join('');
}

/** The root knows the registered domains that have a hosted zone, and where every name server is. */
function renderRoot({ zones, sets, domains }: ServedZones): string {
  const delegated = domains.flatMap(
    (domain) => zones.find((zone) => zone.name === domain && zone.vpc === undefined) ?? [],
  );
  const used = new Map([...sets, ...zones.map((zone) => zone.delegationSet)].map((set) => [set.id, set]));
  return [
    '. 60 IN SOA a.root.sandbox-dns. hostmaster.sandbox-dns. 1 7200 900 1209600 1',
    '. 60 IN NS a.root.sandbox-dns.',
    `a.root.sandbox-dns. 60 IN A ${ROOT_NAME_SERVER_ADDRESS}`,
    ...[...used.values()].flatMap(({ nameServers, addresses }) =>
      nameServers.map((name, i) => `${name}. 60 IN A ${addresses[i]}`),
    ),
    ...delegated.flatMap((zone) =>
      zone.delegationSet.nameServers.map((name) => `${zone.name} 60 IN NS ${name}.`),
    ),
    '',
  ].join('\n');
}

function renderZone(zone: HostedZone, zones: readonly HostedZone[]): string {
  // A start of authority comes first.
  const ordered = zone.records.toSorted((a, b) => Number(b.type === 'SOA') - Number(a.type === 'SOA'));
  return `${ordered.flatMap((record) => renderRecord(zone, record, zones)).join('\n')}\n`;
}

function renderRecord(zone: HostedZone, record: RecordSet, zones: readonly HostedZone[]): string[] {
  const name = record.name.replaceAll(String.raw`\052`, '*');
  if (record.alias !== undefined) {
    const target = zones.find(({ id }) => id === record.alias?.zoneId) ?? zone;
    const aimed = target.records.find(
      (each) => each.name === record.alias?.name && each.type === record.type,
    );
    return (aimed?.values ?? []).map((value) => `${name} ${aimed?.ttl ?? 60} IN ${record.type} ${value}`);
  }
  const values =
    record.type === 'SOA' ? record.values.map((value) => withSerial(value, zone.serial)) : record.values;
  return values.map((value) => `${name} ${record.ttl} IN ${record.type} ${qualified(record.type, value)}`);
}

/** Types whose values end with a domain name. */
const NAMING = new Set(['NS', 'CNAME', 'PTR', 'MX', 'SRV']);

/**
 * Route 53 takes names in values as fully qualified, with or without the last dot; a zone file does not.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
 */
const qualified = (type: string, value: string): string =>
  NAMING.has(type) && !value.endsWith('.') ? `${value}.` : value;

function withSerial(soa: string, serial: number): string {
  const [server = '', mail = '', , ...rest] = soa.split(' ');
  return [server, mail, String(serial), ...rest].join(' ');
}
