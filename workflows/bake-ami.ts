import { bakeLogKey, bakeResultKey, bootTestResultKey, recipeKey, bakePrefix } from '../domain/archive.ts';
import { bakeId, bakeInput, type BakeInput, type BakeResult } from '../domain/image/bake.ts';
import { planBake, type BakePlan } from '../domain/image/plan.ts';
import { bakeUserData } from '../machine/bake-user-data.ts';
import { bootTestUserData } from '../machine/boot-test-user-data.ts';
import type { Operation } from './operation.ts';
import { runOperation } from './run-operation.ts';
import { applyPlan, type Refs } from './steps.ts';

const MINUTE = 60_000;

/** A builder that is still at work after this long has hung. */
const BUILD_GIVE_UP_MS = 240 * MINUTE;
const BOOT_TEST_GIVE_UP_MS = 60 * MINUTE;

/**
 * Bakes an image: source image + recipe → builder → image → boot test → verified.
 * The same content has the same workflow id, and an image that was verified before is returned at once.
 */
export const bakeAmi = (raw: unknown): Promise<BakeResult> =>
  runOperation(bakeInput, raw, async (operation, input) => {
    const id = bakeId(input.content);
    const found = await operation.check('image.find', { digest: id }, 'looking for a verified image');
    if (found) return { imageId: found.id, bakeId: id, adopted: true };
    const plan = planBakeOf(input, id);
    const surroundings = await applyPlan(operation, plan.surroundings, { temporary: true });
    const built = await build(operation, input, plan, surroundings);
    const made = await applyPlan(operation, plan.image, { refs: built });
    await bootTest(operation, input, plan, made);
    await applyPlan(operation, plan.verification, { refs: made });
    return { imageId: idOf(made, 'image'), bakeId: id, adopted: false };
  });

function planBakeOf({ content, bucket, availabilityZone }: BakeInput, id: string): BakePlan {
  const { recipe, region } = content;
  const { digest, archiveSha256, test } = recipe;
  return planBake({
    id,
    content,
    bucket,
    availabilityZone,
    userData: {
      builder: bakeUserData({ bakeId: id, region, bucket, digest, archiveSha256 }),
      tester: bootTestUserData({ bakeId: id, region, bucket, digest, test }),
    },
    access: { read: [recipeKey(digest)], write: [`${bakePrefix(id)}*`] },
  });
}

const idOf = (refs: Refs, step: string): string => refs.get(step)?.id ?? '';

/** Runs a builder until it has powered itself off and says that it succeeded; a retry takes a new builder. */
const build = (operation: Operation, input: BakeInput, plan: BakePlan, refs: Refs): Promise<Refs> =>
  operation.orDecide('bake', async (retries) => {
    const built = await applyPlan(operation, plan.builder, {
      refs,
      temporary: true,
      incarnation: retries + 1,
    });
    const instanceId = idOf(built, 'builder');
    await untilItSays(operation, input, {
      instanceId,
      what: `builder ${instanceId} to finish and power off`,
      giveUpMs: BUILD_GIVE_UP_MS,
      resultKey: bakeResultKey(bakeId(input.content), instanceId),
      logKey: bakeLogKey(bakeId(input.content), instanceId),
    });
    return built;
  });

const bootTest = (operation: Operation, input: BakeInput, plan: BakePlan, refs: Refs): Promise<void> =>
  operation.orDecide('boot test', async (retries) => {
    const booted = await applyPlan(operation, plan.tester, {
      refs,
      temporary: true,
      incarnation: retries + 1,
    });
    const instanceId = idOf(booted, 'boot-test');
    await untilItSays(operation, input, {
      instanceId,
      what: `boot test on ${instanceId} to finish and power off`,
      giveUpMs: BOOT_TEST_GIVE_UP_MS,
      resultKey: bootTestResultKey(bakeId(input.content), instanceId),
    });
  });

interface Said {
  readonly instanceId: string;
  readonly what: string;
  readonly giveUpMs: number;
  readonly resultKey: string;
  readonly logKey?: string;
}

/** A machine says how it went in the zone store and powers off. If it says no, or nothing, its console is kept. */
async function untilItSays(operation: Operation, { bucket, content }: BakeInput, said: Said): Promise<void> {
  const { instanceId, what, giveUpMs, resultKey } = said;
  const progressMs = giveUpMs / 4;
  await operation.waitFor('instance.state', { instanceId, until: 'stopped' }, { what, giveUpMs, progressMs });
  const consoleKey = `${bakePrefix(bakeId(content))}console/${instanceId}.txt`;
  await operation.check(
    'bake.result',
    { bucket, key: resultKey, instanceId, consoleKey },
    `reading the result of ${instanceId}`,
  );
}
