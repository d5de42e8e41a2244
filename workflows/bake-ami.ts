import { bakeInput, planBake, type BakeInput, type BakeResult } from '../domain/image/plan.ts';
import { runOperation, type Operation } from './operation.ts';
import { applyPlan, type Refs } from './steps.ts';

const HOUR = 3_600_000;

/** A builder that is still at work after this long has hung. */
const BUILD_GIVE_UP_MS = 4 * HOUR;
const BOOT_TEST_GIVE_UP_MS = HOUR;

/**
 * Bakes an image: source image + recipe → builder → image → boot test → verified.
 * The same content has the same workflow id; an image that was verified before is returned at once.
 */
export const bakeAmi = (raw: unknown): Promise<BakeResult> =>
  runOperation(bakeInput, raw, async (operation, input) => {
    const { source } = input;
    const found = await operation.check('image.find', { digest: input.bakeId }, 'looking for a verified image');
    if (found) return { imageId: found.id, bakeId: input.bakeId, adopted: true };
    const base = await operation.check('image.source', { image: source }, `looking for source image ${source}`);
    const plan = planBake(input, base);
    const surroundings = await applyPlan(operation, plan.surroundings, { temporary: true });
    const builder = await build(operation, input, plan, surroundings);
    const made = await applyPlan(operation, plan.image, { refs: builder });
    await bootTest(operation, input, plan, made);
    await applyPlan(operation, plan.verification, { refs: made });
    return { imageId: idOf(made, 'image'), bakeId: input.bakeId, adopted: false };
  });

type BakePlan = ReturnType<typeof planBake>;

const idOf = (refs: Refs, step: string): string => refs.get(step)?.id ?? '';

/** Runs the builder until it has powered itself off and says that it succeeded; a retry takes a new builder. */
const build = (operation: Operation, input: BakeInput, plan: BakePlan, surroundings: Refs): Promise<Refs> =>
  operation.orDecide('bake', async (retries) => {
    const refs = await applyPlan(operation, plan.builder, { refs: surroundings, temporary: true, incarnation: retries + 1 });
    await untilItSays(operation, input, idOf(refs, 'builder'), plan.buildResultKey, {
      what: 'the builder to finish and power off',
      giveUpMs: BUILD_GIVE_UP_MS,
    });
    return refs;
  });

const bootTest = (operation: Operation, input: BakeInput, plan: BakePlan, made: Refs): Promise<void> =>
  operation.orDecide('boot test', async (retries) => {
    const refs = await applyPlan(operation, plan.tester, { refs: made, temporary: true, incarnation: retries + 1 });
    await untilItSays(operation, input, idOf(refs, 'boot-test'), plan.testResultKey, {
      what: 'the boot test to finish and power off',
      giveUpMs: BOOT_TEST_GIVE_UP_MS,
    });
  });

/** A machine says how it went in the zone store and powers off. If it says no, or nothing, its console is kept. */
async function untilItSays(
  operation: Operation,
  { bucket, bakeId }: BakeInput,
  instanceId: string,
  resultKey: (instanceId: string) => string,
  wait: { readonly what: string; readonly giveUpMs: number },
): Promise<void> {
  await operation.waitFor('instance.state', { instanceId, until: 'stopped' }, { ...wait, progressMs: wait.giveUpMs / 4 });
  const key = resultKey(instanceId);
  const consoleKey = `bakes/${bakeId}/console/${instanceId}.txt`;
  await operation.check('bake.result', { bucket, key, instanceId, consoleKey }, `reading the result of ${instanceId}`);
}
