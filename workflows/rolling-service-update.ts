import { z } from 'zod';
import type { FoundService } from '../activities/checks/services.ts';
import { operationInput } from '../domain/operations.ts';
import { serviceName } from '../domain/services/attributes.ts';
import { eligibleWorkers } from '../domain/services/ground.ts';
import { generationsOf, type RecordedService } from '../domain/services/record.ts';
import { planRoll, rollOptionsSchema } from '../domain/services/roll.ts';
import { isSame } from '../domain/services/same.ts';
import { serviceSchema } from '../domain/services/spec.ts';
import { manifestKey } from '../domain/zone/manifest.ts';
import { approve } from './approval.ts';
import type { Operation } from './operation.ts';
import { runOperation } from './run-operation.ts';
import { servicesKeeper, type ServicesKeeper } from './services/keeper.ts';
import { refuseAutoscalers } from './services/refuse.ts';
import { rollService, type RollResult } from './services/roll.ts';

/** A question about a failed roll, unlike one about a zone, cannot wait for a day: two generations run. */
const QUESTION_MS = 15 * 60_000;

export const servicesOperationInput = operationInput.extend({
  questionDeadlineMs: z.number().int().positive().default(QUESTION_MS),
  zone: z.string().min(1),
  bucket: z.string().min(3),
  options: rollOptionsSchema.prefault({}),
});

export const rollingServiceUpdateInput = servicesOperationInput.extend({
  service: serviceName,
  spec: serviceSchema,
});
export type RollingServiceUpdateInput = z.output<typeof rollingServiceUpdateInput>;

/** Replaces the instances of one service by those of another version, without a lost request. */
export const rollingServiceUpdate = (raw: unknown): Promise<RollResult> =>
  runOperation(rollingServiceUpdateInput, raw, async (operation, input) => {
    const { zone, bucket, service, spec, options } = input;
    const ground = await operation.check(
      'services.ground',
      { bucket, zone, service },
      `reading what ${zone} has`,
    );
    const found = await operation.check('service.look', { service }, `looking what runs of ${service}`, zone);
    refuseAutoscalers(service, found);
    const keeper = servicesKeeper(operation, input, ground.recorded);
    await correctRecord(keeper, service, ground.recorded[service], found);
    const plan = planRoll({
      ...{ zone, service, spec, options },
      domain: ground.domain,
      running: found.generations,
      definedAs: found.definition,
      eligible: eligibleWorkers(ground, spec.scheduling_group),
    });
    await approve(operation, plan.hash, `roll ${service} of ${zone}`);
    await holdZone(operation, input);
    return rollService(operation, plan, found, keeper);
  });

/** Plans are made from the record; where it is wrong, a plan from it is refused, and the next one is right. */
export async function correctRecord(
  keeper: ServicesKeeper,
  service: string,
  recorded: RecordedService | undefined,
  { generations, definition }: FoundService,
): Promise<void> {
  if (recorded === undefined) return;
  const plain = generationsOf(generations);
  if (isSame(plain, recorded.generations) && isSame(definition, recorded.definition)) return;
  const { spec, version } = recorded;
  await keeper.note({
    [service]:
      plain.length === 0
        ? null
        : { spec, version, definition: definition ?? recorded.definition, generations: plain },
  });
}

/** From here on nobody else changes the zone. */
export async function holdZone(
  operation: Operation,
  { bucket, zone }: { bucket: string; zone: string },
): Promise<void> {
  const at = new Date().toISOString();
  await operation.check(
    'manifest.hold',
    { bucket, key: manifestKey(zone), operation: operation.id, at, state: 'active' },
    'taking the zone over',
  );
}
