import type { z } from 'zod';
import { ZonewrightError } from './errors.ts';
import type { Kind, resources } from './resources/index.ts';

/** Where a plan needs what an earlier step made: `{ $from: 'network/vpc', field: 'id' }`. */
export interface Output {
  readonly $from: string;
  readonly field: string;
  /** Text around it; `{}` stands for the output. */
  readonly format?: string;
}

/** A plan in which any value may be the output of an earlier step. */
export type Planned<T> = T extends string | number | boolean | null | undefined
  ? T | Output
  : T extends readonly (infer E)[]
    ? readonly Planned<E>[]
    : { readonly [P in keyof T]: Planned<T[P]> };

/** One named effect of an operation: what shall exist, and what must exist before it. */
export type PlannedStep = {
  [K in Kind]: {
    readonly step: string;
    readonly kind: K;
    readonly plan: Planned<z.input<(typeof resources)[K]['plan']>>;
    /** Steps that must be done first, beyond those whose outputs the plan uses. */
    readonly after?: readonly string[];
    /** Name tag, e.g. `zone03.prod.example.com-director`. */
    readonly name: string;
    readonly role?: string;
    /** As a person reads it while it runs: "creating VPC 172.16.0.0/23". */
    readonly summary: string;
    /** True for what outlives the zone: adopted where it stands, left at destroy, e.g. delegation sets. */
    readonly shared?: boolean;
    /** True for what a machine of this plan makes again as long as it runs: undone after all other steps of the plan. */
    readonly undoneLast?: boolean;
  };
}[Kind];

export const output = (step: string, field = 'id'): Output => ({ $from: step, field });

const isOutput = (value: unknown): value is Output =>
  typeof value === 'object' && value !== null && '$from' in value && 'field' in value;

/** Names of the steps whose outputs a plan uses. */
export function outputsUsed(value: unknown): string[] {
  if (isOutput(value)) return [value.$from];
  if (Array.isArray(value)) return value.flatMap(outputsUsed);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(outputsUsed);
  return [];
}

/** Steps that must be done before this one. */
export const dependenciesOf = (step: PlannedStep): string[] => [
  ...new Set([...(step.after ?? []), ...outputsUsed(step.plan)]),
];

/** Replaces each output by what the earlier step returned. */
export function resolveOutputs(
  value: unknown,
  refs: ReadonlyMap<string, Readonly<Record<string, unknown>>>,
): unknown {
  if (isOutput(value)) {
    const found = refs.get(value.$from)?.[value.field];
    if (found === undefined) {
      throw new ZonewrightError(
        'GateFailed',
        `Cannot use "${value.field}" of step "${value.$from}": it has none`,
      );
    }
    return value.format === undefined ? found : value.format.replace('{}', String(found));
  }
  if (Array.isArray(value)) return value.map((item) => resolveOutputs(item, refs));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveOutputs(item, refs)]));
  }
  return value;
}

/**
 * The plan's steps as layers: each layer needs only earlier ones, and the outputs in `known`.
 *
 * @throws {ZonewrightError} when a step is named twice, needs an unknown step, or steps need each other
 */
export function layersOf(
  steps: readonly PlannedStep[],
  known: ReadonlySet<string> = new Set(),
): PlannedStep[][] {
  const names = new Set([...known, ...steps.map((step) => step.step)]);
  if (new Set(steps.map((step) => step.step)).size !== steps.length) {
    const twice = steps.find((step, at) => steps.findIndex((other) => other.step === step.step) !== at);
    throw new ZonewrightError('GateFailed', `Cannot order the plan: step "${twice?.step}" is named twice`);
  }
  const done = new Set<string>(known);
  const layers: PlannedStep[][] = [];
  let rest = [...steps];
  while (rest.length > 0) {
    const ready = rest.filter((step) => dependenciesOf(step).every((needed) => done.has(needed)));
    if (ready.length === 0) {
      const [first] = rest;
      const missing = first && dependenciesOf(first).find((needed) => !names.has(needed));
      throw new ZonewrightError(
        'GateFailed',
        missing
          ? `Cannot order the plan: step "${first?.step}" needs unknown step "${missing}"`
          : `Cannot order the plan: ${rest.map((step) => `"${step.step}"`).join(', ')} need each other`,
      );
    }
    for (const step of ready) done.add(step.step);
    layers.push(ready);
    rest = rest.filter((step) => !done.has(step.step));
  }
  return layers;
}
