import { contains, parseAddress, parseCidr } from '../network/cidr.ts';
import type { Projection } from './project.ts';
import type { Member, ServiceView, ServiceViews } from './values.ts';

/**
 * How long a node whose agent fell silent keeps its instances, so that others that fall silent with it are seen before
 * anything is taken out: longer than leases are apart, which are refreshed every third of their time.
 */
export const SILENCE_MS = 30_000;

export interface SettleInput extends Projection {
  /** What routers read now. */
  readonly current: ServiceViews;
  /** Since when nodes are silent, milliseconds. */
  readonly silentSince: ReadonlyMap<string, number>;
  readonly now: number;
}

export interface Settled {
  readonly services: ServiceViews;
  /** Services that keep what they had because all of their presence is lost. */
  readonly frozen: ReadonlySet<string>;
  /** When to look again though nothing changes. */
  readonly lookAt?: number;
}

/**
 * What routers shall read next. An instance that its node withdrew goes at once; those of a node that fell silent stay
 * for `SILENCE_MS`; where all nodes fell silent, or a service would lose its last instance, nothing is taken out: then
 * it is discovery that is broken and not the services. Without its definition a service goes, whatever it had.
 */
export function settle(input: SettleInput): Settled {
  const { current, services, members, live, silentSince, now } = input;
  const holders = holdersOf(current, members);
  const allSilent = holders.size > 0 && [...holders].every((node) => !live.has(node));
  const settled = new Map<string, ServiceView>();
  const frozen = new Set<string>();
  const looks: number[] = [];
  const stays = (address: string): boolean => {
    const node = nodeOf(address, members);
    if (node === undefined || live.has(node)) return false;
    const until = (silentSince.get(node) ?? now) + SILENCE_MS;
    if (!allSilent && until > now) looks.push(until);
    return allSilent || until > now;
  };
  for (const [name, view] of services) {
    const had = current.get(name)?.hosts ?? {};
    const kept = Object.entries(had).filter(
      ([number, address]) => view.hosts[Number(number)] === undefined && stays(address),
    );
    const hosts = { ...Object.fromEntries(kept), ...view.hosts };
    const isLost = Object.keys(hosts).length === 0 && Object.keys(had).length > 0;
    if (isLost || (allSilent && kept.length > 0)) frozen.add(name);
    settled.set(name, { ...view, hosts: isLost ? had : hosts });
  }
  return { services: settled, frozen, ...(looks.length > 0 ? { lookAt: Math.min(...looks) } : {}) };
}

const holdersOf = (current: ServiceViews, members: ReadonlyMap<string, Member>): ReadonlySet<string> =>
  new Set(
    [...current.values()]
      .flatMap(({ hosts }) => Object.values(hosts))
      .map((address) => nodeOf(address, members))
      .filter((node) => node !== undefined),
  );

const nodeOf = (address: string, members: ReadonlyMap<string, Member>): string | undefined => {
  const ip = { first: parseAddress(address.split(':')[0] ?? ''), prefix: 32 };
  return [...members].find(([, { podCidr }]) => contains(parseCidr(podCidr), ip))?.[0];
};
