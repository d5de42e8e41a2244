/** Operations that do nothing but show that they are alone, under names whose rows conflict with each other. */
import { executeChild, workflowInfo } from '@temporalio/workflow';
import { z } from 'zod';
import { operationInput } from '../../../domain/operations.ts';
import type { PlannedStep } from '../../../domain/plan.ts';
import type { Operation } from '../../../workflows/operation.ts';
import { runOperation } from '../../../workflows/run-operation.ts';
import { applyPlan } from '../../../workflows/steps.ts';

export { zoneKeeper as ZoneKeeper } from '../../../workflows/zone-keeper.ts';

const input = operationInput.extend({
  zone: z.string(),
  bucket: z.string(),
  acts: z.number().int(),
  everyMs: z.number().int(),
});
type Input = z.output<typeof input>;

/** Acts so many times, then makes one thing. */
export const NodeJoin = (raw: unknown): Promise<number> =>
  runOperation(input, raw, async (operation, given) => {
    await act(operation, given);
    await applyPlan(operation, [document(given)]);
    return operation.fence?.number ?? 0;
  });

/** Acts, and lets children act under its lease. */
export const ApplyServices = (raw: unknown): Promise<number[]> =>
  runOperation(input, raw, async (operation, given) => {
    await act(operation, given);
    const mine = operation.fence?.number ?? 0;
    const theirs = await Promise.all(
      [0, 1].map((n) =>
        executeChild<(raw: unknown) => Promise<number>>('NodeJoin', {
          workflowId: `${workflowInfo().workflowId}-${n}`,
          args: [given],
        }),
      ),
    );
    return [mine, ...theirs];
  });

interface Acting {
  check(name: string, input: unknown, summary: string): Promise<unknown>;
}

const act = (operation: Operation, { acts, everyMs }: Input): Promise<unknown> =>
  (operation as unknown as Acting).check('toy.act', { fence: operation.fence, acts, everyMs }, 'acting');

const document = ({ zone, bucket }: Input): PlannedStep => ({
  step: 'document',
  kind: 'store-document',
  name: 'toy',
  summary: 'writing a document',
  plan: { bucket, key: `zones/${zone}/${workflowInfo().workflowId}.json`, content: {} },
});
