/** An operation on the toy kind: two volumes, the second of which needs the first. */
import { z } from 'zod';
import { operationInput } from '../../../domain/operations.ts';
import type { PlannedStep } from '../../../domain/plan.ts';
import { runOperation } from '../../../workflows/run-operation.ts';
import { applyPlan } from '../../../workflows/steps.ts';
import { VOLUME } from './volume.ts';

const input = operationInput.extend({ sizes: z.array(z.number().int()).length(2) });

export const MakeVolumes = (raw: unknown): Promise<readonly string[]> =>
  runOperation(input, raw, async (operation, { sizes }) => {
    const steps = sizes.map((sizeGiB, n) => ({
      ...{
        step: `volume-${n}`,
        kind: VOLUME,
        name: `toy-${n}`,
        summary: `creating a volume of ${sizeGiB} GiB`,
      },
      plan: { sizeGiB, availabilityZone: 'us-east-1a' },
      after: n === 0 ? [] : [`volume-${n - 1}`],
    }));
    const refs = await applyPlan(operation, steps as unknown as readonly PlannedStep[]);
    return [...refs.values()].map(({ id }) => id);
  });
