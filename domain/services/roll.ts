import { z } from 'zod';
import { InvalidInput, ZonewrightError } from '../errors.ts';
import { canonicalJson, sha256Hex } from '../hash.ts';
import { generationsOf, instancesText, type Generation } from './record.ts';
import { definitionOf, shapeOf, versionOf, withoutEffect } from './shape.ts';
import type { ServiceDefinition, ServiceShape } from './shape.ts';
import type { ServiceSpec } from './spec.ts';

/** How a roll goes about it; part of what is approved. */
export const rollOptionsSchema = z.strictObject({
  /** Instances started at the same time; a quarter of them, but at least five, without it. */
  batch: z.number().int().min(1).optional(),
  /** How long the new instances must stay announced once the old ones have stopped, before the way back is closed. */
  soakSeconds: z.number().int().min(0).max(86_400).default(10),
  /** After this long without an answer to a wait people are told. */
  progressSeconds: z.number().int().min(1).default(120),
  /** After this long the wait has failed, and a person or the default decides. */
  giveUpSeconds: z.number().int().min(1).default(600),
});
export type RollOptions = z.output<typeof rollOptionsSchema>;

export interface RollRequest {
  readonly zone: string;
  readonly service: string;
  readonly spec: ServiceSpec;
  /** Domain of the zone; public names end with it. */
  readonly domain: string;
  /** What runs now, in any order; numbers may have gaps. */
  readonly running: readonly Generation[];
  /** How it is reached now; absent where it never was. */
  readonly definedAs?: ServiceDefinition | undefined;
  /** Workers that the service may run on. */
  readonly eligible: number;
  readonly options: RollOptions;
}

/** Everything about one roll, decided before anything changes. Plain JSON. */
export interface RollPlan {
  readonly zone: string;
  readonly service: string;
  readonly spec: ServiceSpec;
  readonly shape: ServiceShape;
  /** What is stopped; none at a first start. */
  readonly old: readonly Generation[];
  readonly next: Generation;
  /** How many instances of the new generation there are after each batch; the last is all of them. */
  readonly batches: readonly number[];
  /** Announced instances that evictions must leave, while both generations run, and then. */
  readonly budget: { readonly during: number; readonly after: number };
  readonly definition: ServiceDefinition;
  readonly definedAs?: ServiceDefinition;
  readonly drainSeconds: number;
  readonly options: RollOptions;
  readonly hash: string;
}

/** Instances that a service shall have. */
export const countOf = ({ num_instances: wanted }: ServiceSpec, eligible: number): number =>
  wanted === 'all' ? eligible : wanted;

/**
 * Plans to replace what runs of a service: n new instances, numbered on from the highest that there is.
 *
 * @throws {InvalidInput} when nothing would run, or nowhere
 * @throws {ZonewrightError} of type `Conflict` when that very version runs already
 */
export function planRoll(request: RollRequest): RollPlan {
  const { zone, service, spec, running, eligible, options, definedAs } = request;
  refuseNothing(request);
  const shape = shapeOf(spec);
  const count = countOf(spec, eligible);
  const version = versionOf(shape);
  const old = generationsOf(running)
    .filter((one) => one.count > 0)
    .toSorted((a, b) => a.first - b.first);
  const [only, ...others] = old;
  if (only && others.length === 0 && only.version === version && only.count === count) {
    throw new ZonewrightError(
      'Conflict',
      `Cannot roll "${service}" of ${zone}: ${count} instance${count > 1 ? 's' : ''} of version ${version} run already, ${instancesText(service, only)}`,
      { details: { service, version } },
    );
  }
  const next: Generation = {
    generation: Math.max(0, ...running.map(({ generation }) => generation)) + 1,
    version,
    first: highest(running) + 1,
    count,
  };
  const after = budgetOf(spec, count);
  const had = old.reduce((sum, one) => sum + one.count, 0);
  const plan = {
    zone,
    service,
    spec,
    shape,
    old,
    next,
    batches: batchesOf(count, options.batch),
    budget: { during: old.length === 0 ? after : Math.min(after, had), after },
    definition: definitionIn(service, spec, request.domain),
    ...(definedAs === undefined ? {} : { definedAs }),
    drainSeconds: spec.drain_seconds,
    options,
  };
  return { ...plan, hash: sha256Hex(canonicalJson(plan)) };
}

/** The highest number in use; 0 where there is none. */
export const highest = (running: readonly Pick<Generation, 'first' | 'count'>[]): number =>
  Math.max(0, ...running.map(({ first, count }) => first + count - 1));

/** Announced instances that evictions must leave. */
export const budgetOf = ({ min_available: wanted }: ServiceSpec, count: number): number =>
  Math.min(wanted ?? count, count);

/** A service is known by its own name in any case; others are host names. */
export function definitionIn(service: string, spec: ServiceSpec, domain: string): ServiceDefinition {
  const definition = definitionOf(spec, shapeOf(spec));
  const others = definition.publicNames.filter((name) => name !== service);
  return { ...definition, publicNames: others.map((name) => `${name}.${domain}`) };
}

function refuseNothing({ service, spec, eligible }: RollRequest): void {
  if (spec.containers.length === 0) {
    const expected = 'at least one container: nothing else is run';
    throw new InvalidInput(`service "${service}"`, [{ path: `${service}.containers`, value: [], expected }]);
  }
  if (eligible > 0) return;
  const group = spec.scheduling_group;
  throw new InvalidInput(`service "${service}"`, [
    group === undefined
      ? { path: `${service}.num_instances`, value: spec.num_instances, expected: 'a zone with workers' }
      : {
          path: `${service}.scheduling_group`,
          value: group,
          expected: `a group that has workers: none bears the label scheduling_group=${group}`,
        },
  ]);
}

function batchesOf(count: number, wanted = Math.max(5, Math.ceil(count / 4))): number[] {
  const steps = Math.ceil(count / wanted);
  return Array.from({ length: steps }, (_, at) => Math.min(count, (at + 1) * wanted));
}

/** What a service would be rolled from and to, and what of it has no effect: a line each. */
export function rollText({
  service,
  spec,
  old,
  next,
  batches,
  budget,
  definition,
  drainSeconds,
  options,
}: RollPlan) {
  const names = [service, ...definition.publicNames].join(', ');
  const reached =
    definition.scheme === 'http'
      ? `HTTP by name (${names}), port ${definition.port} of instances`
      : definition.hostPort === undefined
        ? 'not published'
        : `TCP port ${definition.hostPort}`;
  const from = old.map((one) => `${instancesText(service, one)} (${one.version})`).join(', ');
  const images = spec.containers.map(({ image }) => image).join(', ');
  return [
    `${service}: ${old.length === 0 ? 'start' : `replace ${from} by`} ${instancesText(service, next)} (${next.version})`,
    `  images     ${images}`,
    `  reached    ${reached}`,
    `  batches    ${batches.map((to, at) => to - (batches[at - 1] ?? 0)).join(' + ')} of ${next.count}`,
    `  evictions  leave ${budget.after} announced`,
    `  drain      ${drainSeconds} s, soak ${options.soakSeconds} s`,
    ...withoutEffect(service, spec).map((line) => `  note       ${line}`),
  ].join('\n');
}
