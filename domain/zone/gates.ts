import { etcdEndpoints } from './configuration.ts';
import { delegates, DELEGATION, HOSTED_ZONE, namingSteps } from './dns-steps.ts';
import { apiEndpoint, machinesOf, type ZoneLayout } from './layout.ts';
import { borderAddress } from './network-steps.ts';
import { admissionStep, instanceStep } from './machine-steps.ts';

/** A wait for the world outside: the zone's name must resolve before anything boots in it. */
export interface DelegationGate {
  readonly gate: 'delegation';
  readonly domain: string;
  /** Domain whose zone must hold the NS records. */
  readonly parent: string;
  /** Step whose `nameServers` they must name. */
  readonly nameServersOf: string;
  /** True when a person must add them. */
  readonly byHand: boolean;
  readonly after: readonly string[];
}

/** A look at the whole: the zone is not done before it answers. */
export interface HealthGate {
  readonly gate: 'health';
  readonly etcdEndpoints: readonly string[];
  readonly apiEndpoint: string;
  /** Steps whose instances must be Ready nodes. */
  readonly nodes: readonly string[];
  /** Steps whose addresses must be what the public names say, by name. */
  readonly publicNames: Readonly<Record<string, string>>;
  readonly after: readonly string[];
}

export type ZoneGate = DelegationGate | HealthGate;

export function zoneGates(layout: ZoneLayout): ZoneGate[] {
  const { domain, spec } = layout;
  const workers = machinesOf(layout, 'worker');
  return [
    {
      gate: 'delegation',
      domain,
      parent: spec.environment.domain,
      nameServersOf: HOSTED_ZONE,
      byHand: !delegates(layout),
      after: delegates(layout) ? [DELEGATION] : [HOSTED_ZONE],
    },
    {
      gate: 'health',
      etcdEndpoints: etcdEndpoints(layout),
      apiEndpoint: apiEndpoint(layout),
      nodes: workers.map(({ name }) => instanceStep(name)),
      publicNames: Object.fromEntries(
        machinesOf(layout, 'border').map(({ name, slot }) => [`${name}.${domain}`, borderAddress(slot)]),
      ),
      after: [...workers.map(({ name }) => admissionStep(name)), ...namingSteps(layout)],
    },
  ];
}
