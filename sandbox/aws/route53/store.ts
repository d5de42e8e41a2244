/** Hosted zones, their records, delegation sets and changes. */
import { randomInt } from 'node:crypto';
import type { SandboxAddresses } from '../../network/model.ts';
import { AwsError } from '../call.ts';

export interface RecordSet {
  /** Lower case, with a final dot, as Route 53 shows it. */
  readonly name: string;
  readonly type: string;
  readonly ttl?: number;
  readonly values: readonly string[];
  readonly alias?: { readonly zoneId: string; readonly name: string; readonly evaluateHealth: boolean };
}

export interface DelegationSet {
  readonly id: string;
  readonly callerReference?: string;
  readonly reusable: boolean;
  /** Host names, in the order of `addresses`. */
  readonly nameServers: readonly string[];
  readonly addresses: readonly string[];
}

export interface HostedZone {
  readonly id: string;
  readonly name: string;
  readonly callerReference: string;
  readonly vpc?: { readonly id: string; readonly region: string };
  comment: string;
  readonly delegationSet: DelegationSet;
  records: readonly RecordSet[];
  tags: Record<string, string>;
  /** Rises with each change: the serial of its SOA record on the name servers. */
  serial: number;
}

export interface Change {
  readonly id: string;
  readonly submittedAt: Date;
  readonly comment: string;
}

const TOP_LEVELS = ['com', 'net', 'org', 'co.uk'];
/** Sets of four addresses in a /24, the first one left out. */
const MOST_SETS = 63;

export class ZoneStore {
  readonly zones = new Map<string, HostedZone>();
  readonly sets = new Map<string, DelegationSet>();
  readonly changes = new Map<string, Change>();
  readonly #addresses: SandboxAddresses;

  constructor(addresses: SandboxAddresses) {
    this.#addresses = addresses;
  }

  /** A delegation set with four name servers of its own. */
  openSet(callerReference: string | undefined): DelegationSet {
    const taken = new Set([...this.sets.values()].map((set) => set.addresses[0]));
    const prefix = this.#addresses.nameServerCidr.replace(/\.\d+\/\d+$/, '');
    for (let index = 1; index <= MOST_SETS; index++) {
      if (taken.has(`${prefix}.${index * 4}`)) continue;
      const numbers = TOP_LEVELS.map((_, i) => index * 4 + i);
      const set: DelegationSet = {
        id: newId('N'),
        reusable: callerReference !== undefined,
        ...(callerReference === undefined ? {} : { callerReference }),
        nameServers: numbers.map((number, i) => `ns-${number}.sandbox-dns.${TOP_LEVELS[i]}`),
        addresses: numbers.map((number) => `${prefix}.${number}`),
      };
      this.sets.set(set.id, set);
      return set;
    }
    throw new AwsError(
      'LimitsExceeded',
      `The sandbox has name servers for ${MOST_SETS} delegation sets only`,
    );
  }

  zone(id: string): HostedZone {
    const zone = this.zones.get(id);
    if (zone === undefined)
      throw new AwsError('NoSuchHostedZone', `No hosted zone found with ID: ${id}`, 404);
    return zone;
  }

  set(id: string): DelegationSet {
    const set = this.sets.get(id);
    if (set?.reusable === true) return set;
    throw new AwsError('NoSuchDelegationSet', `The specified delegation set does not exist: ${id}`);
  }

  change(id: string): Change {
    const change = this.changes.get(id);
    if (change === undefined)
      throw new AwsError('NoSuchChange', `Could not find resource with ID: ${id}`, 404);
    return change;
  }

  submitChange(comment: string): Change {
    const change = { id: newId('C'), submittedAt: new Date(), comment };
    this.changes.set(change.id, change);
    return change;
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
export const newId = (prefix: string): string =>
  prefix + Array.from({ length: 20 }, () => LETTERS[randomInt(LETTERS.length)]).join('');

/** What a new zone holds: its name servers and its start of authority. */
export function apexRecords(name: string, set: DelegationSet): RecordSet[] {
  const soa = `${set.nameServers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  return [
    { name, type: 'NS', ttl: 172_800, values: set.nameServers.map((server) => `${server}.`) },
    { name, type: 'SOA', ttl: 900, values: [soa] },
  ];
}
