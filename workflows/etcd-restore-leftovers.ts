/** What a restore takes away once the zone works again. */
import { ApplicationFailure } from '@temporalio/workflow';
import { ZONE_KINDS, type Kind } from '../domain/resources/index.ts';
import { machineFolder } from '../domain/zone/join.ts';
import { manifestKey } from '../domain/zone/manifest.ts';
import type { RestorePlan } from '../domain/zone/restore.ts';
import { failLeftover } from './ending.ts';
import type { zoneParts } from './manifest.ts';
import type { Operation } from './operation.ts';
import { purgeEvidence, undoOfPart } from './parts.ts';
import { unwind, type UndoEntry } from './undo.ts';

const NO_RETURN = 'the director that was replaced is being terminated';

/** All that is in etcd lies in it; once the member has begun nobody needs it. */
export async function removeCopy(operation: Operation): Promise<void> {
  const isCopy = ({ kind }: UndoEntry): boolean => kind === 'snapshot-copy';
  // What cannot be removed now stays registered, and is not forgotten.
  const stuck = await unwind(operation.undos.filter(isCopy), operation);
  if (stuck.length > 0)
    throw ApplicationFailure.nonRetryable('Cannot remove the copy of the snapshot', 'Leftover');
}

/** What is left of the old director: its machine, what it was given, and what it wrote. */
export async function removeOld(
  operation: Operation,
  { zone, bucket }: { readonly zone: string; readonly bucket: string },
  { old }: RestorePlan,
  manifest: ReturnType<typeof zoneParts>,
): Promise<void> {
  const wanted = { bucket, key: manifestKey(zone), prefixes: [machineFolder(old.machine)] };
  const parts = await operation.check('manifest.parts', wanted, `reading the parts of ${old.machine}`);
  // What it was of an etcd went with that etcd.
  const left = parts.filter(({ kind }) => !(ZONE_KINDS as readonly Kind[]).includes(kind));
  await operation.noReturn(NO_RETURN, async () => {
    await operation.orDecide(`removing ${old.machine}`, async () => {
      const stuck = await unwind(
        // The machine first: what it was given lies in its way.
        left.map((part) => undoOfPart(part, part.kind === 'instance' ? 2 : 1, zone)),
        operation,
      );
      if (stuck.length > 0) throw failLeftover(operation, stuck, []);
    });
    await manifest.forget(parts.map(({ step }) => step));
    await purgeEvidence(operation, bucket, parts);
  });
}
