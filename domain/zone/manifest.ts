import { z } from 'zod';
import { ZonewrightError } from '../errors.ts';
import { dependenciesOf } from '../plan.ts';
import { kinds } from '../resources/index.ts';
import { ownerSchema } from '../resources/resource.ts';
import { zoneFactsSchema, type ZoneFacts } from './facts.ts';
import type { ZonePlan } from './plan.ts';
import { zoneSpecSchema, type ZoneSpec } from './spec.ts';

/**
 * One thing that a zone is made of, and who made it: enough to describe and to unmake it without the plan. It is written
 * before its making is asked for, so that whoever comes after an operation that was ended hard knows of it.
 */
const entrySchema = z.object({
  step: z.string().min(1),
  kind: z.enum(kinds),
  owner: ownerSchema,
  /** As it was given to the activity: outputs of other steps are filled in. */
  plan: z.unknown(),
  /** What identifies it; absent until it is known to be there. */
  ref: z.looseObject({ id: z.string() }).optional(),
});
export type ManifestEntry = z.output<typeof entrySchema>;

/** What identifies the parts that are there, by step; those only begun are not among them. */
export const refsOf = (parts: readonly ManifestEntry[]): Map<string, NonNullable<ManifestEntry['ref']>> =>
  new Map(parts.flatMap(({ step, ref }) => (ref === undefined ? [] : [[step, ref] as const])));

export const ZONE_STATES = ['creating', 'active', 'destroying', 'destroyed'] as const;
export type ZoneState = (typeof ZONE_STATES)[number];

/** `zones/<zone>/manifest.json`: written only by the operation that holds the zone. Fields are added, never repurposed. */
export const zoneManifestSchema = z.object({
  format: z.literal(1),
  zone: z.string().min(1),
  environment: z.string().min(1),
  domain: z.string().min(1),
  accountId: z.string(),
  region: z.string(),
  imageId: z.string(),
  spec: zoneSpecSchema,
  /** What the plan was made from besides the specification; zones that an early version made have none. */
  facts: zoneFactsSchema.optional(),
  /** Hash of the plan that was approved. */
  plan: z.string(),
  state: z.enum(ZONE_STATES),
  /** Operation that wrote it last, and its run. */
  operation: z.string().optional(),
  run: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  /** What was begun or made, in the order in which it was begun. */
  made: z.array(entrySchema),
  /** Steps that each step of the plan needs; unmaking goes the other way. */
  needs: z.record(z.string(), z.array(z.string())),
  /** Steps whose things outlive the zone. */
  shared: z.array(z.string()),
});
export type ZoneManifest = z.output<typeof zoneManifestSchema>;

export const manifestKey = (zone: string, storePrefix = ''): string =>
  `${storePrefix}zones/${zone}/manifest.json`;

/** The manifest of a zone of which nothing is made yet. @param at time, ISO 8601 */
export const newManifest = (plan: ZonePlan, spec: ZoneSpec, at: string, facts?: ZoneFacts): ZoneManifest => ({
  format: 1,
  zone: plan.zone,
  environment: plan.environment,
  domain: plan.domain,
  accountId: plan.accountId,
  region: plan.region,
  imageId: plan.imageId,
  spec,
  ...(facts === undefined ? {} : { facts }),
  plan: plan.hash,
  state: 'creating',
  createdAt: at,
  updatedAt: at,
  made: [],
  needs: Object.fromEntries(plan.steps.map((step) => [step.step, dependenciesOf(step)])),
  shared: plan.steps.filter((step) => step.shared).map(({ step }) => step),
});

/** Notes that a step is begun, or what it made; it stands in the same place. */
export function withMade(manifest: ZoneManifest, entry: ManifestEntry, at: string): ZoneManifest {
  const there = manifest.made.some(({ step }) => step === entry.step);
  const made = there
    ? manifest.made.map((each) => (each.step === entry.step ? entry : each))
    : [...manifest.made, entry];
  return { ...manifest, made, updatedAt: at };
}

/** Adds what steps need that the zone's own plan does not know: machines that join later. */
export const withNeeds = (manifest: ZoneManifest, needs: ZoneManifest['needs']): ZoneManifest => ({
  ...manifest,
  needs: { ...manifest.needs, ...needs },
});

/** Forgets what a step made, once it is gone; succeeds when it is not there. */
export function withoutMade(manifest: ZoneManifest, step: string, at: string): ZoneManifest {
  const { [step]: _, ...needs } = manifest.needs;
  return { ...manifest, made: manifest.made.filter((each) => each.step !== step), needs, updatedAt: at };
}

/** Names of the machines that a manifest lists, complete or half made: `worker-0`, in order. */
export const machineNames = ({ made }: Pick<ZoneManifest, 'made'>): string[] =>
  [...new Set(made.flatMap(({ step }) => /^machines\/([^/]+)\//.exec(step)?.[1] ?? []))].toSorted((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );

/** What later operations plan from: a manifest without what was made. */
export type ZoneAbout = Pick<
  ZoneManifest,
  'zone' | 'environment' | 'domain' | 'state' | 'imageId' | 'spec' | 'facts' | 'operation' | 'createdAt'
> & { readonly machines: readonly string[] };

export function aboutZone(manifest: ZoneManifest): ZoneAbout {
  const { zone, environment, domain, state, imageId, spec, facts, operation, createdAt } = manifest;
  return {
    ...{ zone, environment, domain, state, imageId, spec, createdAt },
    ...(facts === undefined ? {} : { facts }),
    ...(operation === undefined ? {} : { operation }),
    machines: machineNames(manifest),
  };
}

/** Which parts of a zone: exactly these steps, and everything below these prefixes. */
export interface PartsWanted {
  readonly steps?: readonly string[];
  readonly prefixes?: readonly string[];
}

export const partsOf = (
  { made }: Pick<ZoneManifest, 'made'>,
  { steps = [], prefixes = [] }: PartsWanted,
): ManifestEntry[] =>
  made.filter(({ step }) => steps.includes(step) || prefixes.some((prefix) => step.startsWith(prefix)));

/** @throws {ZonewrightError} of type `Conflict` when the zone is not one that operations can work on */
export function mustBeActive({
  zone,
  state,
  operation,
}: Pick<ZoneAbout, 'zone' | 'state' | 'operation'>): void {
  if (state === 'active') return;
  throw new ZonewrightError(
    'Conflict',
    `Cannot change zone "${zone}": it is ${state}${operation === undefined ? '' : ` by operation "${operation}"`}`,
    { details: { zone, state } },
  );
}

const NEXT: Readonly<Record<ZoneState, readonly ZoneState[]>> = {
  // From creating straight to destroyed when its creation was undone.
  creating: ['creating', 'active', 'destroying', 'destroyed'],
  active: ['active', 'destroying'],
  destroying: ['destroying', 'destroyed'],
  destroyed: ['destroyed'],
};

/** @throws {ZonewrightError} of type `Conflict` when the zone cannot get there from where it is */
export function withState(manifest: ZoneManifest, state: ZoneState, at: string): ZoneManifest {
  if (!NEXT[manifest.state].includes(state)) {
    throw new ZonewrightError(
      'Conflict',
      `Cannot make zone "${manifest.zone}" ${state}: it is ${manifest.state}`,
      { details: { zone: manifest.zone, from: manifest.state, to: state } },
    );
  }
  return { ...manifest, state, updatedAt: at };
}
