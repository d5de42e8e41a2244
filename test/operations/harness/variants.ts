/** What tests put around the activities of a worker. */
import { connect } from '../../../activities/cloud/clients.ts';
import { fenceReader } from '../../../activities/cloud/fences.ts';
import { effectActivities } from '../../../activities/effect.ts';
import { vpcEffect } from '../../../activities/vpc.ts';
import type { ZonewrightContext } from '../../../clients/contexts.ts';
import { settings, type AnyActivities } from '../../../workers/host.ts';
import { mapped, twice } from './twice.ts';

export type Wrap = (activities: AnyActivities, context: ZonewrightContext) => AnyActivities;

/** Broken on purpose: a VPC's activities never see what they made, and nor does anybody who looks for leftovers. */
const blind: Wrap = (activities, context) => {
  const clients = connect({ ...context.aws, requestTimeoutMs: settings.requestTimeoutMs });
  const seesNothing = { ...vpcEffect(clients), describe: () => Promise.resolve([]) };
  const readFence = fenceReader(clients.s3, context.store.bucket);
  const broken: AnyActivities = {
    ...effectActivities('vpc', seesNothing, { ...settings, readFence }),
    sweep: () => Promise.resolve({ left: [], againAfterMs: 1 }),
  };
  return mapped(activities, (name, run) => broken[name] ?? run);
};

export const VARIANTS = {
  plain: (activities) => activities,
  twice,
  blind,
  'blind-twice': (activities, context) => twice(blind(activities, context)),
} as const satisfies Record<string, Wrap>;

export type Variant = keyof typeof VARIANTS;
export const isVariant = (name: string): name is Variant => name in VARIANTS;
