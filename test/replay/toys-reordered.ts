/** A changed toy operation: the same steps begun in another order, which no open history may meet. */
import { operationInput } from '../../domain/operations.ts';
import { runOperation } from '../../workflows/run-operation.ts';
import { applyPlan } from '../../workflows/steps.ts';
import { toyPlan } from '../workflows/toys.ts';

export function ToyZone(raw: unknown): Promise<{ machine: string | undefined }> {
  return runOperation(operationInput, raw, async (operation) => {
    const refs = await applyPlan(operation, toyPlan.toReversed());
    return { machine: refs.get('machine')?.id };
  });
}
