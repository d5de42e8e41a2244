import { Context } from '@temporalio/activity';
import { NotYet } from '../../domain/errors.ts';
import { asActivity } from '../failures.ts';
import { DnsLookup, valuesOfType } from './dns-lookup.ts';
import type { RecordType } from './dns-message.ts';
import type { CheckSettings } from './settings.ts';

export interface DelegationCheck {
  /** Domain that shall be delegated, e.g. `zone03.prod.example.com`. */
  readonly domain: string;
  /** Name servers that its parent shall name. */
  readonly nameServers: readonly string[];
  /** Nearest domain that may be the parent; the domain without its first label otherwise. */
  readonly startAt?: string;
}

export interface ResolutionCheck {
  readonly name: string;
  readonly type: Extract<RecordType, 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'NS'>;
  readonly values: readonly string[];
  /** Servers to ask; the resolvers without them. */
  readonly nameServers?: readonly string[];
}

const DELAY_MS = 10_000;

/** What the world sees of our names: asked of DNS, since an API says only what was written. */
export const dnsChecks = ({ dns, pollMs }: Pick<CheckSettings, 'dns' | 'pollMs'>) => {
  const lookup = new DnsLookup(dns);
  return {
    /** Waits until the parent's own name servers delegate the domain to exactly these; says which records to add. */
    'dns.delegated': asActivity('check delegation', async (check: DelegationCheck) => {
      const signal = Context.current().cancellationSignal;
      const domain = plainName(check.domain);
      const expected = check.nameServers.map(plainName).toSorted();
      const parent = await nearestParent(lookup, plainName(check.startAt ?? parentOf(domain)), signal);
      const answer = await lookup.askAuthority(parent.nameServers, domain, 'NS', signal);
      // A delegation is a referral, in the authority section; a server that also serves the domain answers itself.
      const actual = [...new Set(valuesOfType([...answer.answers, ...answer.authority], 'NS', domain))];
      if (actual.join() === expected.join()) return { parent: parent.name, nameServers: actual };
      const now = actual.length === 0 ? 'no name servers' : actual.join(', ');
      throw new NotYet(
        `"${parent.name}" does not delegate "${domain}" yet: it names ${now}; expected in zone "${parent.name}":\n` +
          expected.map((server) => `${domain}. 3600 IN NS ${server}.`).join('\n'),
        Math.max(pollMs, DELAY_MS),
        { parent: parent.name, actual, expected },
      );
    }),

    'dns.resolves': asActivity('check a name', async (check: ResolutionCheck) => {
      const { name, type, nameServers } = check;
      const signal = Context.current().cancellationSignal;
      const actual = nameServers
        ? valuesOfType((await lookup.askAuthority(nameServers, name, type, signal)).answers, type, name)
        : await lookup.resolve(name, type, signal);
      const expected = check.values.map((value) => (type === 'TXT' ? value : plainName(value))).toSorted();
      if (actual.join() === expected.join()) return { values: actual };
      throw new NotYet(
        `waiting until "${name}" is ${expected.join(', ')}: it is ${actual.join(', ') || 'unknown'}`,
        pollMs,
        { actual, expected },
      );
    }),
  };
};

const plainName = (name: string): string => name.replace(/\.$/, '').toLowerCase();
const parentOf = (name: string): string => name.split('.').slice(1).join('.');

/** The first of a domain and its parents that has name servers. */
async function nearestParent(lookup: DnsLookup, from: string, signal: AbortSignal) {
  for (let name = from; name !== ''; name = parentOf(name)) {
    const nameServers = await lookup.resolve(name, 'NS', signal);
    if (nameServers.length > 0) return { name, nameServers };
  }
  throw new NotYet(`waiting until "${from}" or a domain above it has name servers`, DELAY_MS);
}
