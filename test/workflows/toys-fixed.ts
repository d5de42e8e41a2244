/** The code that is deployed after the bug of `ToyBroken` was found. */
import { operationInput } from '../../domain/operations.ts';
import { runOperation } from '../../workflows/run-operation.ts';
import { applyPlan } from '../../workflows/steps.ts';
import { toyPlan } from './toys.ts';

export function ToyBroken(raw: unknown): Promise<string | undefined> {
  return runOperation(operationInput, raw, async (operation) => {
    const refs = await applyPlan(operation, toyPlan.slice(0, 2));
    return refs.get('vpc')?.id;
  });
}
