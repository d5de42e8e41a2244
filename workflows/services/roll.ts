import type { FoundService } from '../../activities/checks/services.ts';
import { instancesText } from '../../domain/services/record.ts';
import type { RollPlan } from '../../domain/services/roll.ts';
import type { Operation } from '../operation.ts';
import { applyPlan } from '../steps.ts';
import type { ServicesKeeper } from './keeper.ts';
import { generationSteps, shrinkSteps, withdrawalSteps } from './steps.ts';
import { announced, drained, forGood, phase, thawed, unrouted, waiting } from './waits.ts';

export interface RollResult {
  readonly service: string;
  readonly version: string;
  /** `web@6…10` */
  readonly instances: string;
  readonly stopped: string;
  /** Routers whose connections were not waited for any longer; none usually. */
  readonly cut: readonly string[];
}

/**
 * Replaces the instances of a service: start new, withdraw old only once the new are known to every router, stop old
 * only once nothing can reach them any more. Until it is settled everything can be undone, in the same careful order:
 * old ones are started and announced again before new ones are withdrawn.
 */
export async function rollService(
  operation: Operation,
  plan: RollPlan,
  found: FoundService,
  keeper: ServicesKeeper,
): Promise<RollResult> {
  const { service, next, old } = plan;
  await keeper.begin(plan);
  await start(operation, plan, found);
  const cut = old.length === 0 ? [] : await retire(operation, plan);
  await soak(operation, plan);
  await settle(operation, plan, keeper);
  return {
    ...{ service, version: next.version, cut },
    instances: instancesText(service, next),
    stopped: old.map((one) => instancesText(service, one)).join(', '),
  };
}

/** New instances in batches, each of them well before the next batch; then all announced. */
async function start(operation: Operation, plan: RollPlan, found: FoundService): Promise<void> {
  const { zone, service, next, shape } = plan;
  await phase(operation, `start ${instancesText(service, next)}`, async () => {
    const kept = found.generations.reduce((sum, one) => sum + one.announced, 0);
    await applyPlan(operation, generationSteps(plan, kept));
    for (const to of plan.batches) {
      const batch = { service, generation: next.generation, first: next.first, count: to };
      const text = instancesText(service, batch);
      await operation.check(
        'service.grow',
        { service, generation: next.generation, to },
        `starting ${text}`,
        zone,
      );
      await operation.waitFor('service.running', batch, waiting(plan, `${text} to run`));
      await operation.waitFor(
        'service.healthy',
        { ...batch, health: shape.health },
        waiting(plan, `${text} to be healthy`),
      );
    }
  });
  await phase(operation, `announce ${instancesText(service, next)}`, () =>
    announced(operation, plan, { service, ...next }, next.count),
  );
}

/** @returns routers that were not waited for to the end */
async function retire(operation: Operation, plan: RollPlan): Promise<readonly string[]> {
  const { zone, service, old } = plan;
  const text = old.map((one) => instancesText(service, one)).join(', ');
  const cut = await phase(operation, `withdraw and drain ${text}`, async () => {
    await thawed(operation, plan);
    const { generations } = await operation.check('service.look', { service }, `looking at ${text}`, zone);
    await applyPlan(operation, withdrawalSteps(plan, generations));
    let revision = 0;
    for (const one of old) revision = (await unrouted(operation, plan, { service, ...one })).revision;
    return drained(operation, plan, { text, revision, drainSeconds: plan.drainSeconds });
  });
  await phase(operation, `stop ${text}`, async () => {
    await thawed(operation, plan);
    const { generations } = await operation.check('service.look', { service }, `looking at ${text}`, zone);
    await applyPlan(operation, shrinkSteps(plan, generations));
    for (const { generation } of old)
      await operation.waitFor('service.stopped', { service, generation }, waiting(plan, `${text} to end`));
  });
  return cut;
}

/** The new ones must hold out by themselves for a while; until then the way back is open. */
async function soak(operation: Operation, plan: RollPlan): Promise<void> {
  const { service, next, shape, options } = plan;
  if (options.soakSeconds === 0) return;
  const text = instancesText(service, next);
  const until = new Date(Date.now() + options.soakSeconds * 1_000).toISOString();
  const instances = { service, ...next, until, health: shape.health };
  await phase(operation, `watch ${text}`, () =>
    operation.waitFor('service.steady', instances, {
      ...waiting(plan, `${text} to stay healthy until ${until.slice(11, 19)}`, options.soakSeconds * 1_000),
      summary: `watching ${text} until ${until.slice(11, 19)}`,
    }),
  );
}

/** From here on there is no way back: what stopped is forgotten, what was made stays. */
async function settle(operation: Operation, plan: RollPlan, keeper: ServicesKeeper): Promise<void> {
  const { zone, service, next, old, budget } = plan;
  await forGood(operation, `${instancesText(service, next)} have taken over`, async () => {
    const stopped = old.map(({ generation }) => generation);
    const what = { service, stopped, minAvailable: budget.after };
    await phase(operation, `settle ${service}`, () =>
      operation.check('service.settle', what, `forgetting what was stopped of ${service}`, zone),
    );
    await keeper.settled(plan);
  });
}
