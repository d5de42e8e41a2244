import type { FoundService } from '../../activities/checks/services.ts';
import type { PlannedStep } from '../../domain/plan.ts';
import { statefulSet } from '../../domain/services/objects.ts';
import { instancesText } from '../../domain/services/record.ts';
import type { RollPlan } from '../../domain/services/roll.ts';
import type { Adjustment } from '../../domain/services/apply.ts';

const budgetStep = (service: string) => `services/${service}/budget`;
const generationStep = (service: string, generation: number) => `services/${service}/g${generation}`;

/**
 * Budget, generation, definition, in this order: undone the other way round, so that a service that is not to be is
 * unknown to routers before its instances go.
 *
 * @param kept announced instances of old generations: as many must be there before new ones are taken back
 */
export function generationSteps(plan: RollPlan, kept: number): PlannedStep[] {
  const { service, shape, next, budget, definition, definedAs, drainSeconds } = plan;
  const { generation, version, first, count } = next;
  const name = `${plan.zone}-${service}`;
  return [
    {
      step: budgetStep(service),
      kind: 'disruption-budget',
      name,
      summary: `letting evictions leave ${budget.during} of ${service}`,
      plan: { service, minAvailable: budget.during },
    },
    {
      ...{ step: generationStep(service, generation), kind: 'service-generation', name },
      summary: `preparing ${instancesText(service, next)}`,
      plan: {
        ...{ service, generation, version, first, count, drainSeconds },
        object: structuredCloneOf(statefulSet({ service, generation, version, first, shape })),
        keep: kept,
      },
      after: [budgetStep(service)],
    },
    {
      ...definitionStep(name, { service, definition, definedAs }),
      summary: `defining how ${service} is reached`,
      after: [generationStep(service, generation)],
    },
  ];
}

const definitionStep = (
  name: string,
  {
    service,
    definition,
    definedAs,
  }: Pick<RollPlan, 'service' | 'definition'> & { readonly definedAs?: RollPlan['definition'] | undefined },
) =>
  ({
    step: `services/${service}/definition`,
    kind: 'service-definition',
    name,
    plan: { service, definition: mutable(definition), ...(definedAs ? { before: mutable(definedAs) } : {}) },
  }) as const;

const structuredCloneOf = (value: unknown) => JSON.parse(JSON.stringify(value)) as Record<string, never>;
const mutable = <T extends { readonly publicNames: readonly string[] }>(definition: T) => ({
  ...definition,
  publicNames: [...definition.publicNames],
});

export const withdrawalSteps = (
  { zone, service, old, next }: RollPlan,
  found: FoundService['generations'],
): PlannedStep[] =>
  old.map(({ generation, first, count }) => ({
    step: `services/${service}/g${generation}/withdrawal`,
    kind: 'service-withdrawal',
    name: `${zone}-${service}`,
    summary: `withdrawing ${instancesText(service, { first, count })}`,
    plan: {
      ...{ service, generation, first, count, keep: next.count },
      announced: found.find((one) => one.generation === generation)?.announced ?? 0,
    },
  }));

export const shrinkSteps = (
  { zone, service, old }: RollPlan,
  found: FoundService['generations'],
): PlannedStep[] =>
  old.map(({ generation, first, count }) => ({
    step: `services/${service}/g${generation}/stop`,
    kind: 'service-shrink',
    name: `${zone}-${service}`,
    summary: `stopping ${instancesText(service, { first, count })}`,
    plan: {
      ...{ service, generation, first, count },
      up: found.find((one) => one.generation === generation)?.up ?? 0,
    },
  }));

export const adjustmentStep = (zone: string, adjustment: Adjustment): PlannedStep => ({
  ...definitionStep(`${zone}-${adjustment.service}`, adjustment),
  summary: `changing how ${adjustment.service} is reached`,
});
