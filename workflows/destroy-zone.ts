import { z } from 'zod';
import { operationInput } from '../domain/operations.ts';
import { ZONE_KINDS, type Kind } from '../domain/resources/index.ts';
import type { DestroyStep } from '../domain/zone/destroy.ts';
import { manifestKey, refsOf } from '../domain/zone/manifest.ts';
import { approve } from './approval.ts';
import { failLeftover } from './ending.ts';
import type { Operation } from './operation.ts';
import { undoOfPart } from './parts.ts';
import { runOperation } from './run-operation.ts';
import { sweep, unwind } from './undo.ts';

export const destroyZoneInput = operationInput.extend({ zone: z.string().min(1), bucket: z.string().min(3) });
export type DestroyZoneInput = z.output<typeof destroyZoneInput>;

export interface DestroyZoneResult {
  readonly zone: string;
  readonly removed: number;
}

/** Parts undone at the same time, at most; keeps payloads small for a zone of any size. */
const BATCH = 40;

/** Destroys a zone from its manifest alone, in the reverse order of its plan, and proves that nothing is left. */
export const destroyZone = (raw: unknown): Promise<DestroyZoneResult> =>
  runOperation(destroyZoneInput, raw, async (operation, { zone, bucket }) => {
    const name = { bucket, key: manifestKey(zone) };
    const found = await operation.check('manifest.summary', name, 'reading the manifest');
    await approve(operation, found.destroyHash, `destroy zone ${found.domain}`);
    const change = () => ({ ...name, operation: operation.id, at: new Date().toISOString() });
    await operation.check('manifest.hold', { ...change(), state: 'destroying' }, 'taking the zone over');
    const machines: string[] = [];
    for (;;) {
      const next = await operation.check(
        'manifest.nextToGo',
        { ...name, limit: BATCH },
        'reading what is left',
      );
      if (next.length === 0) break;
      await unmake(operation, zone, next);
      // What a role's machines wrote lies below its id.
      const roles = refsOf(next.filter(({ kind }) => kind === 'role'));
      machines.push(...[...roles.values()].map(({ id }) => `machines/${id}:`));
      const steps = next.map(({ step }) => step);
      await operation.check(
        'manifest.forget',
        { ...change(), steps },
        `writing the manifest (${steps.length} parts less)`,
      );
    }
    const [first, ...others] = machines;
    if (first !== undefined) {
      const purge = { bucket, prefixes: [first, ...others] as const };
      await operation.check('store.purge', purge, 'deleting what its machines wrote');
    }
    const left = await sweep(
      { zone, environment: found.environment },
      { kept: new Set(found.kept), undos: [] },
      operation,
    );
    if (left.length > 0) throw failLeftover(operation, [], left);
    await operation.check(
      'manifest.forget',
      { ...change(), steps: [], state: 'destroyed' },
      'closing the manifest',
    );
    operation.endsZone = true;
    return { zone, removed: found.parts };
  });

async function unmake(operation: Operation, zone: string, steps: readonly DestroyStep[]): Promise<void> {
  const entries = steps
    // What only a machine of the zone could undo goes with its machines, which may be dead already.
    .filter(({ kind }) => !(ZONE_KINDS as readonly Kind[]).includes(kind))
    .map((part) => undoOfPart(part, 0, zone));
  await operation.gate();
  const stuck = await unwind(entries, operation);
  if (stuck.length > 0) throw failLeftover(operation, stuck, []);
}
