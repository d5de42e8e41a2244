import type { PlannedStep } from '../domain/plan.ts';
import { discoveryMember } from '../domain/resources/discovery-member.ts';
import type { PlanOf } from '../domain/resources/index.ts';
import type { RecordedService } from '../domain/services/record.ts';
import { manifestKey } from '../domain/zone/manifest.ts';
import { discoveryStep } from '../domain/zone/machine-steps.ts';
import type { RestorePlan } from '../domain/zone/restore.ts';
import type { Operation } from './operation.ts';
import { applyPlan } from './steps.ts';

const MINUTE = 60_000;

export interface RestoredDiscovery {
  /** Lets everybody in but routers, and says how services are reached. */
  readonly seed: () => Promise<void>;
  /** Lets routers in once all that runs is announced; returns when they route by it. */
  readonly works: () => Promise<void>;
}

/**
 * The discovery etcd of a fresh director is empty: who may announce comes from the manifest, how services are reached
 * from their record, presence from the agents. Routers keep what they have loaded, and are let in last, so that none
 * sees half of it.
 */
export async function restoredDiscovery(
  operation: Operation,
  { zone, bucket }: { readonly zone: string; readonly bucket: string },
  { domain }: Pick<RestorePlan, 'domain'>,
): Promise<RestoredDiscovery> {
  const name = { bucket, key: manifestKey(zone) };
  const { machines } = await operation.check('manifest.about', name, 'reading the manifest');
  const wanted = { ...name, steps: machines.map(discoveryStep) };
  const parts = await operation.check('manifest.parts', wanted, 'reading who is a member of discovery');
  const ground = await operation.check('services.ground', { bucket, zone }, 'reading its services');
  const members = parts.map(({ plan }) => discoveryMember.plan.parse(plan));
  const services = Object.keys(ground.recorded);
  const definitions = Object.entries(ground.recorded).map(([service, recorded]) =>
    definitionStep(domain, service, recorded),
  );
  const waiting = (what: string) => ({ what, giveUpMs: 30 * MINUTE, progressMs: 5 * MINUTE, zone });
  return {
    seed: async () => {
      const silently = members.map((member) => memberStep(withheld(member), domain));
      await applyPlan(operation, [...silently, ...definitions]);
    },
    works: async () => {
      for (const service of services)
        await operation.waitFor(
          'service.projected',
          { service },
          waiting(`${service} to be announced again`),
        );
      const borders = members.filter(isBorder).map((member) => memberStep(member, domain));
      await applyPlan(operation, borders);
      if (borders.length > 0)
        await operation.waitFor('discovery.loaded', { revision: 0 }, waiting('routers to answer'));
      for (const service of services) {
        const what = `every router to route ${service} by what is announced`;
        await operation.waitFor('service.projected', { service, routed: true }, waiting(what));
      }
    },
  };
}

/** Never undone by itself: it goes with the fresh director, and removed alone it would let routers forget services. */
const HERE_ONLY = { shared: true } as const;

type Member = PlanOf<'discovery-member'>;

const memberStep = (member: Member, domain: string): PlannedStep => ({
  ...HERE_ONLY,
  step: discoveryStep(member.machine),
  kind: 'discovery-member',
  name: `${domain}-${member.machine}`,
  summary: `letting the agents of ${member.machine} into the fresh discovery`,
  plan: member,
});

const isBorder = ({ podCidr }: Member): boolean => podCidr === undefined;

const withheld = (member: Member): Member => (isBorder(member) ? { ...member, withheld: 'router' } : member);

const definitionStep = (domain: string, service: string, { definition }: RecordedService): PlannedStep => ({
  ...HERE_ONLY,
  step: `services/${service}/definition`,
  kind: 'service-definition',
  name: `${domain}-${service}`,
  summary: `defining how ${service} is reached`,
  plan: { service, definition },
});
