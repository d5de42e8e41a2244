import { CancellationScope } from '@temporalio/workflow';
import { generationsOf, type Generation, type RecordedService } from '../../domain/services/record.ts';
import type { RollPlan } from '../../domain/services/roll.ts';
import { activity, type Operation } from '../operation.ts';
import { LOOK, UNDO } from '../retries.ts';

type About = Pick<RecordedService, 'spec' | 'version' | 'definition'>;

/** Keeps `services.json` as the work goes, and as it was found where the work was undone. */
export interface ServicesKeeper {
  /** Writes what runs of a service while it is rolled; should the operation fail, it is looked up and written again. */
  begin(plan: RollPlan): Promise<void>;
  /** Writes that the roll is over: it is no longer this operation's to undo. */
  settled(plan: RollPlan): Promise<void>;
  /** Writes something else about services; `null` forgets one. */
  note(services: Readonly<Record<string, Recorded | null>>): Promise<void>;
}

export type Recorded = About & { readonly generations: readonly Generation[] };

export function servicesKeeper(
  operation: Operation,
  { zone, bucket }: { readonly zone: string; readonly bucket: string },
  recorded: Readonly<Record<string, RecordedService>>,
): ServicesKeeper {
  const open = new Map<string, RollPlan>();
  const note: ServicesKeeper['note'] = async (services) => {
    const at = new Date().toISOString();
    const summary = `writing what runs of ${Object.keys(services).join(', ')}`;
    const entries = Object.fromEntries(
      Object.entries(services).map(([name, one]) => [
        name,
        one && { ...withoutMore(one), operation: operation.id, at },
      ]),
    );
    // Neither paused nor aborted: what runs must be written down.
    await CancellationScope.nonCancellable(() =>
      activity('services.note', { bucket, zone, at, services: entries }, { ...UNDO, summary }),
    );
  };
  operation.afterFailure.push(async () => {
    for (const [service, plan] of open) {
      const summary = `looking what runs of ${service}`;
      const found = await activity('service.look', { service }, { ...LOOK, summary }, zone);
      const { generations, definition } = found;
      const isThere = generations.some(({ generation }) => generation === plan.next.generation);
      const about = isThere ? aboutNext(plan) : recorded[service];
      const left = about && generations.length > 0 ? { ...about, generations } : null;
      await note({ [service]: left && definition ? { ...left, definition } : left });
    }
  });
  return {
    note,
    begin: async (plan) => {
      open.set(plan.service, plan);
      await note({ [plan.service]: { ...aboutNext(plan), generations: [...plan.old, plan.next] } });
    },
    settled: async (plan) => {
      open.delete(plan.service);
      await note({ [plan.service]: { ...aboutNext(plan), generations: [plan.next] } });
    },
  };
}

const aboutNext = ({ spec, next, definition }: RollPlan): About => ({
  spec,
  version: next.version,
  definition: { ...definition, publicNames: [...definition.publicNames] },
});

const withoutMore = ({ spec, version, definition, generations }: Recorded) => ({
  ...{ spec, version, definition },
  generations: generationsOf(generations),
});
