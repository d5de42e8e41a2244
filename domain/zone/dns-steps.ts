import { output, type Output, type PlannedStep } from '../plan.ts';
import { machinesOf, type ZoneLayout } from './layout.ts';
import { borderAddress } from './network-steps.ts';

const DELEGATION_SET = 'dns/delegation-set';
export const HOSTED_ZONE = 'dns/hosted-zone';
export const DELEGATION = 'dns/delegation';
export const PUBLIC_NAMES = 'dns/public-names';

/** Parents hold delegations for long: resolvers keep them for days whatever their TTL, so it may as well be long. */
const DELEGATION_TTL_SECONDS = 3_600;

/** Whether the NS records of the zone are ours to write. */
export const delegates = ({ spec, facts }: ZoneLayout): boolean =>
  spec.dns.delegation === 'automatic' && facts.environmentHostedZoneId !== undefined;

/** Steps that must be done before the zone's public names resolve, as far as it is up to us. */
export const namingSteps = (layout: ZoneLayout): string[] => [
  PUBLIC_NAMES,
  ...(delegates(layout) ? [DELEGATION] : []),
];

/** The zone's own hosted zone in the account's delegation set, its public names, and its delegation by the parent. */
export const dnsSteps = (layout: ZoneLayout): PlannedStep[] => [
  {
    step: DELEGATION_SET,
    kind: 'delegation-set',
    name: 'zonewright',
    shared: true,
    summary: 'looking for the delegation set of the account',
    // One for the account: whoever asks with this reference is given the same.
    plan: { callerReference: `zonewright-${layout.facts.accountId}` },
  },
  {
    step: HOSTED_ZONE,
    kind: 'hosted-zone',
    name: layout.domain,
    summary: `creating hosted zone ${layout.domain}`,
    plan: { domain: layout.domain, delegationSetId: output(DELEGATION_SET) },
  },
  publicNames(layout),
  ...delegation(layout),
];

function publicNames({ domain, spec, ...layout }: ZoneLayout): PlannedStep {
  const ttlSeconds = spec.dns.ttlSeconds;
  const borders = machinesOf({ domain, spec, ...layout }, 'border');
  const addressOf = (slot: number): Output => output(borderAddress(slot), 'publicIp');
  return {
    step: PUBLIC_NAMES,
    kind: 'dns-records',
    name: domain,
    role: 'border',
    summary: `writing the names border.${domain} and ${borders.map(({ name }) => name).join(', ')}`,
    plan: {
      hostedZoneId: output(HOSTED_ZONE),
      records: [
        {
          name: `border.${domain}`,
          type: 'A',
          ttlSeconds,
          values: borders.map(({ slot }) => addressOf(slot)),
        },
        ...borders.map(({ name, slot }) => ({
          name: `${name}.${domain}`,
          type: 'A' as const,
          ttlSeconds,
          values: [addressOf(slot)],
        })),
      ],
    },
  };
}

function delegation(layout: ZoneLayout): PlannedStep[] {
  const { environmentHostedZoneId } = layout.facts;
  if (!delegates(layout) || environmentHostedZoneId === undefined) return [];
  return [
    {
      step: DELEGATION,
      kind: 'dns-records',
      name: layout.domain,
      summary: `delegating ${layout.domain} in hosted zone ${environmentHostedZoneId}`,
      plan: {
        hostedZoneId: environmentHostedZoneId,
        records: [
          {
            name: layout.domain,
            type: 'NS',
            ttlSeconds: DELEGATION_TTL_SECONDS,
            values: allOf(HOSTED_ZONE, 'nameServers'),
          },
        ],
      },
    },
  ];
}

/** An output that is a list as a whole; `Planned` has a word for its entries only. */
const allOf = (step: string, field: string): readonly Output[] =>
  output(step, field) as unknown as readonly Output[];
