/** Steps of a service on a zone: it comes, another version takes its place, it goes. */
import { readGround } from '../../../clients/services/ground.ts';
import { planApply } from '../../../domain/services/apply.ts';
import { eligibleWorkers } from '../../../domain/services/ground.ts';
import { planRoll, rollOptionsSchema } from '../../../domain/services/roll.ts';
import { serviceSchema, type ServiceSpec, type ServicesSpec } from '../../../domain/services/spec.ts';
import type { Laboratory } from './laboratory.ts';
import { startOn, type StartOnZone, type ZoneStep } from './zone-start.ts';

export const SERVICE = 'harness';
/** Instances that end at once, without a soak: here it counts what is left, not what is lost. */
const OPTIONS = rollOptionsSchema.parse({ soakSeconds: 0 });

const serviceOf = (version: string): ServiceSpec =>
  serviceSchema.parse({
    num_instances: 2,
    drain_seconds: 2,
    public_endpoints: [{ name: SERVICE, port: 8080, scheme: 'http' }],
    health: { path: '/', interval_seconds: 1 },
    containers: [
      {
        name: SERVICE,
        image: 'zonewright.dev/busybox:1',
        port: 8080,
        args: [
          'sh',
          '-c',
          // A first process that has no handler for it would not hear SIGTERM.
          `trap 'exit 0' TERM; mkdir /tmp/www; echo ${version} >/tmp/www/index.html; httpd -f -p 8080 -h /tmp/www & wait`,
        ],
      },
    ],
  });

export const applyService: ZoneStep = {
  type: 'ApplyServices',
  prepare: (lab, zone, run) =>
    apply(lab, zone, [run, 'apply'], (others) => ({ ...others, [SERVICE]: serviceOf('v1') })),
};

/** It goes forward only, once routers are told to forget the service. */
export const removeService: ZoneStep = {
  type: 'ApplyServices',
  abortBy: 14,
  prepare: (lab, zone, run) => apply(lab, zone, [run, 'prune'], (there) => omitted(there, SERVICE)),
};

export const rollService: ZoneStep = {
  type: 'RollingServiceUpdate',
  prepare: async (lab, zone, run) => {
    const ground = await readGround(lab.context, zone);
    const spec = serviceOf('v2');
    const recorded = ground.recorded[SERVICE];
    const { hash } = planRoll({
      ...{ zone, service: SERVICE, spec, domain: ground.domain },
      running: recorded?.generations ?? [],
      definedAs: recorded?.definition,
      eligible: eligibleWorkers(ground, spec.scheduling_group),
      options: OPTIONS,
    });
    const { bucket } = lab.context.store;
    const input = { bucket, service: SERVICE, spec, options: OPTIONS, approvedPlan: hash };
    return startOn(ground, run, 'roll', input);
  },
};

const omitted = (services: ServicesSpec, name: string): ServicesSpec =>
  Object.fromEntries(Object.entries(services).filter(([one]) => one !== name));

/** Services of others in the zone stay as they are. */
async function apply(
  lab: Laboratory,
  zone: string,
  [run, verb]: readonly [run: string, verb: string],
  change: (there: ServicesSpec) => ServicesSpec,
): Promise<StartOnZone> {
  const ground = await readGround(lab.context, zone);
  const there = Object.entries(ground.recorded).map(([name, { spec }]) => [name, spec] as const);
  const services = change(Object.fromEntries(there));
  const request = { ground, services, running: ground.recorded, options: OPTIONS, prune: true };
  const { hash } = planApply(request);
  const { bucket } = lab.context.store;
  return startOn(ground, run, verb, {
    ...{ bucket, services, options: OPTIONS, prune: true, approvedPlan: hash },
  });
}
