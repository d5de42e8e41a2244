import { z } from 'zod';
import { text, wholeNumber } from '../zone/fields.ts';
import { disagreements } from './agreement.ts';
import {
  container,
  credential,
  health,
  monitoringEndpoint,
  publicEndpoint,
  serviceName,
} from './attributes.ts';

export const MAX_INSTANCES = 500;

const isCount = (value: unknown): boolean =>
  value === 'all' || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_INSTANCES);

const numInstances = z
  .custom<'all' | number>(isCount, { error: `"all" or a whole number from 1 to ${MAX_INSTANCES}` })
  .default('all')
  .meta({
    anyOf: [{ const: 'all' }, { type: 'integer', minimum: 1, maximum: MAX_INSTANCES }],
    description: 'How many instances; "all": as many as there are workers that it may run on.',
  });

/** What a rolled service cannot have, whatever its value. */
const never = (why: string) =>
  z
    .unknown()
    .refine((value) => value === undefined, { error: `nothing: ${why}` })
    .optional()
    .meta({ description: `Refused: ${why}.`, not: {} });

const VOLUMES = 'instances of a service are replaced by new ones, to which no volume of an old one can go';
const SCALING = 'a roll counts on the number of instances that it found; set num_instances';

export const serviceSchema = z.strictObject({
  scheduling_group: text(
    /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/,
    'the value of the node label "scheduling_group", e.g. "frontends"',
  )
    .optional()
    .meta({ description: 'Only nodes whose label scheduling_group says so; all workers without it.' }),
  num_instances: numInstances,
  service_credentials: z.array(credential).default([]),
  monitoring_endpoints: z.array(monitoringEndpoint).default([]),
  public_endpoints: z.array(publicEndpoint).default([]),
  containers: z.array(container).default([]),
  health: health
    .optional()
    .meta({ description: 'When an instance may be routed. Without it: once its port accepts a connection.' }),
  drain_seconds: wholeNumber(0, 3_600).default(60).meta({
    description:
      'An instance that routers no longer know is stopped once no connection needs it, and at the latest after this long.',
  }),
  min_available: wholeNumber(0, MAX_INSTANCES)
    .optional()
    .meta({ description: 'Instances that evictions must leave announced; num_instances without it.' }),
  volume_claim_templates: never(VOLUMES),
  volumeClaimTemplates: never(VOLUMES),
  autoscaler: never(SCALING),
  autoscaling: never(SCALING),
});

/** `services.yml`: services by name. Parsing what was parsed changes nothing. */
export const servicesSchema = z.record(serviceName, serviceSchema).superRefine((services, context) => {
  // Whether fields agree can be said only where each is right by itself.
  if (context.issues.length > 0) return;
  for (const { path, message } of disagreements(services))
    context.addIssue({ code: 'custom', path: [...path], message });
});

export type ServiceSpec = z.output<typeof serviceSchema>;
export type ServicesSpec = z.output<typeof servicesSchema>;
export type ServicesSpecInput = z.input<typeof servicesSchema>;

/** JSON Schema of `services.yml`, for editors. Rules across fields are checked by zonewright only. */
export function servicesJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(servicesSchema, { io: 'input', unrepresentable: 'any' });
  return { $schema, title: 'zonewright services', ...schema };
}
