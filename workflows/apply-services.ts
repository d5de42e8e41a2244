import { z } from 'zod';
import type { FoundService } from '../activities/checks/services.ts';
import { planApply, type Adjustment, type Removal } from '../domain/services/apply.ts';
import { generationsOf } from '../domain/services/record.ts';
import { servicesSchema } from '../domain/services/spec.ts';
import { versionOf, shapeOf } from '../domain/services/shape.ts';
import { approve } from './approval.ts';
import type { Operation } from './operation.ts';
import { correctRecord, holdZone, servicesOperationInput } from './rolling-service-update.ts';
import { runOperation } from './run-operation.ts';
import { servicesKeeper, type ServicesKeeper } from './services/keeper.ts';
import { refuseAutoscalers } from './services/refuse.ts';
import { removeService } from './services/remove.ts';
import { rollService, type RollResult } from './services/roll.ts';
import { adjustmentStep } from './services/steps.ts';
import { forGood } from './services/waits.ts';
import { applyPlan } from './steps.ts';

export const applyServicesInput = servicesOperationInput.extend({
  services: servicesSchema,
  /** Stops services that the file does not name. */
  prune: z.boolean().default(false),
});
export type ApplyServicesInput = z.output<typeof applyServicesInput>;

export interface ApplyServicesResult {
  readonly zone: string;
  readonly rolled: readonly RollResult[];
  readonly adjusted: readonly string[];
  readonly unchanged: readonly string[];
  readonly removed: readonly string[];
  /** Services that run and that the file does not name. */
  readonly left: readonly string[];
}

/** Brings the services of a zone to what a file says, one after the other. What failed is undone; what was done stays. */
export const applyServices = (raw: unknown): Promise<ApplyServicesResult> =>
  runOperation(applyServicesInput, raw, async (operation, input) => {
    const { zone, bucket, services, options, prune } = input;
    const ground = await operation.check('services.ground', { bucket, zone }, `reading what ${zone} has`);
    const keeper = servicesKeeper(operation, input, ground.recorded);
    const running: Record<string, FoundService> = {};
    for (const service of new Set([...Object.keys(ground.recorded), ...Object.keys(services)])) {
      const found = await operation.check(
        'service.look',
        { service },
        `looking what runs of ${service}`,
        zone,
      );
      refuseAutoscalers(service, found);
      await correctRecord(keeper, service, ground.recorded[service], found);
      running[service] = found;
    }
    const plan = planApply({ ground, services, running: plainly(running), options, prune });
    await approve(operation, plan.hash, `change services of ${zone}`);
    await holdZone(operation, input);
    const rolled: RollResult[] = [];
    for (const roll of plan.rolls) {
      const found = running[roll.service];
      if (found) rolled.push(await rollService(operation, roll, found, keeper));
    }
    for (const change of plan.adjustments)
      await adjust(operation, zone, change, running[change.service], keeper);
    const gone = prune ? plan.gone : [];
    for (const removal of gone) await removeOne(operation, zone, removal, input, keeper);
    return {
      ...{ zone, rolled, unchanged: plan.unchanged },
      adjusted: plan.adjustments.map(({ service }) => service),
      removed: gone.map(({ service }) => service),
      left: prune ? [] : plan.gone.map(({ service }) => service),
    };
  });

const plainly = (running: Readonly<Record<string, FoundService>>) =>
  Object.fromEntries(
    Object.entries(running).map(([service, { generations, definition }]) => [
      service,
      {
        generations: generationsOf(generations),
        definition,
      },
    ]),
  );

async function adjust(
  operation: Operation,
  zone: string,
  change: Adjustment,
  found: FoundService | undefined,
  keeper: ServicesKeeper,
): Promise<void> {
  const { service, spec, definition, minAvailable } = change;
  await applyPlan(operation, [adjustmentStep(zone, change)]);
  await forGood(operation, `${service} is reached as the file says`, async () => {
    const what = { service, stopped: [], minAvailable };
    await operation.check(
      'service.settle',
      what,
      `letting evictions leave ${minAvailable} of ${service}`,
      zone,
    );
    const { generations = [] } = found ?? {};
    const version = versionOf(shapeOf(spec));
    await keeper.note({
      [service]: {
        spec,
        version,
        definition: { ...definition, publicNames: [...definition.publicNames] },
        generations,
      },
    });
  });
}

async function removeOne(
  operation: Operation,
  zone: string,
  removal: Removal,
  { options, services }: Pick<ApplyServicesInput, 'options' | 'services'>,
  keeper: ServicesKeeper,
): Promise<void> {
  const { service, generations } = removal;
  const drainSeconds = services[service]?.drain_seconds ?? 60;
  await forGood(operation, `${service} is being removed`, async () => {
    await removeService(operation, { zone, service, options }, generations, drainSeconds);
    await keeper.note({ [service]: null });
  });
}
