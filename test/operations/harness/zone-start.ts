/** How the operations on a zone that is there are started. */
import { withAws } from '../../../clients/aws.ts';
import { readManifest } from '../../../clients/zones/manifests.ts';
import type { OperationType } from '../../../domain/operations.ts';
import type { ZoneManifest } from '../../../domain/zone/manifest.ts';
import type { Laboratory } from './laboratory.ts';
import type { Start } from './run.ts';

export type StartOnZone = Omit<Start, 'type'>;

export interface ZoneStep {
  /** The last event after which it can be aborted in any case; half of all without it. */
  readonly abortBy?: number;
  readonly type: OperationType;
  /** @param run unlike that of every other run */
  readonly prepare: (lab: Laboratory, zone: string, run: string) => Promise<StartOnZone>;
}

export async function manifestOf({ context }: Laboratory, zone: string): Promise<ZoneManifest> {
  const manifest = await withAws(context, (aws) => readManifest(aws, context.store.bucket, zone));
  if (manifest === undefined) throw new Error(`Cannot work on zone "${zone}": it has no manifest`);
  return manifest;
}

export const startOn = (
  { zone, environment }: Pick<ZoneManifest, 'zone' | 'environment'>,
  run: string,
  verb: string,
  input: Start['input'],
): StartOnZone => ({
  workflowId: `harness-${verb}-${run}`,
  own: [run],
  input: { actor: 'harness', onFailure: 'roll-back', environment, zone, ...input },
});
