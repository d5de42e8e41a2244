import { canonicalJson, sha256Hex } from '../hash.ts';
import type { PlannedStep } from '../plan.ts';
import { accessSteps, authoritySteps } from './access-steps.ts';
import type { ZoneAddresses } from './addresses.ts';
import { dnsSteps } from './dns-steps.ts';
import type { ZoneFacts } from './facts.ts';
import { zoneGates, type ZoneGate } from './gates.ts';
import { layOut, type MachinePlan } from './layout.ts';
import { machineSteps, type UserDataOf } from './machine-steps.ts';
import { networkSteps } from './network-steps.ts';
import { securityGroupSteps } from './security-groups.ts';
import type { ZoneSpec } from './spec.ts';

export { zoneFactsSchema, type ZoneFacts } from './facts.ts';
export type { DelegationGate, HealthGate, ZoneGate } from './gates.ts';
export type { MachinePlan } from './layout.ts';
export { admissionStep, certificatesStep, instanceStep, type UserDataOf } from './machine-steps.ts';

/** Everything that a zone is made of, decided before anything is made. Plain JSON. */
export interface ZonePlan {
  /** `zone03` */
  readonly zone: string;
  /** Domain of the environment; what tags call `environment`. */
  readonly environment: string;
  /** `zone03.prod.example.com` */
  readonly domain: string;
  readonly region: string;
  readonly accountId: string;
  readonly bucket: string;
  readonly imageId: string;
  readonly addresses: ZoneAddresses;
  readonly machines: readonly MachinePlan[];
  readonly steps: readonly PlannedStep[];
  readonly gates: readonly ZoneGate[];
  /** What an approval is given for: the same specification and facts have the same hash, and no others have it. */
  readonly hash: string;
}

/**
 * Plans a zone. Pure: equal arguments give equal plans, byte by byte.
 *
 * @param userDataOf renders a machine's user data: `nodeUserData` of `machine/`
 */
export function planZone(spec: ZoneSpec, facts: ZoneFacts, userDataOf: UserDataOf): ZonePlan {
  const layout = layOut(spec, facts);
  const plan = {
    zone: layout.zone,
    environment: spec.environment.domain,
    domain: layout.domain,
    region: spec.region,
    accountId: facts.accountId,
    bucket: facts.bucket,
    imageId: facts.imageId,
    addresses: layout.addresses,
    machines: layout.machines,
    steps: [
      ...networkSteps(layout),
      ...securityGroupSteps(layout),
      ...accessSteps(layout),
      ...authoritySteps(layout),
      ...dnsSteps(layout),
      ...machineSteps(layout, userDataOf),
    ],
    gates: zoneGates(layout),
  };
  return { ...plan, hash: sha256Hex(canonicalJson(plan)) };
}

/** The text that the hash of a plan is the SHA-256 of. */
export function planText(plan: ZonePlan): string {
  const { hash: _, ...rest } = plan;
  return canonicalJson(rest);
}
