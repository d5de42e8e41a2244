import { isSame } from './same.ts';
import { canonicalJson, sha256Hex } from '../hash.ts';
import { eligibleWorkers, type ServicesGround } from './ground.ts';
import type { Generation } from './record.ts';
import {
  budgetOf,
  countOf,
  definitionIn,
  planRoll,
  rollText,
  type RollOptions,
  type RollPlan,
} from './roll.ts';
import { shapeOf, versionOf, withoutEffect, type ServiceDefinition } from './shape.ts';
import type { ServiceSpec, ServicesSpec } from './spec.ts';

/** What runs of a service and how it is reached, by the record or as it was found. */
export interface Running {
  readonly generations: readonly Generation[];
  readonly definition?: ServiceDefinition | undefined;
}

/** A service whose instances stay: only what is around them changes. */
export interface Adjustment {
  readonly service: string;
  readonly spec: ServiceSpec;
  readonly definition: ServiceDefinition;
  readonly definedAs?: ServiceDefinition;
  readonly minAvailable: number;
}

export interface Removal {
  readonly service: string;
  readonly generations: readonly Generation[];
}

/** Everything that brings a zone's services to what a file says. Plain JSON. */
export interface ApplyPlan {
  readonly zone: string;
  readonly rolls: readonly RollPlan[];
  readonly adjustments: readonly Adjustment[];
  readonly unchanged: readonly string[];
  /** Services that the file does not name; taken away only where that was asked for. */
  readonly gone: readonly Removal[];
  readonly prune: boolean;
  readonly hash: string;
}

export interface ApplyRequest {
  readonly ground: ServicesGround;
  readonly services: ServicesSpec;
  readonly running: Readonly<Record<string, Running>>;
  readonly options: RollOptions;
  readonly prune: boolean;
}

export function planApply({ ground, services, running, options, prune }: ApplyRequest): ApplyPlan {
  const rolls: RollPlan[] = [];
  const adjustments: Adjustment[] = [];
  const unchanged: string[] = [];
  // What has no containers runs nowhere; "service plan" says so.
  const named = Object.entries(services).filter(([, spec]) => spec.containers.length > 0);
  for (const [service, spec] of named.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const there = running[service];
    const eligible = eligibleWorkers(ground, spec.scheduling_group);
    if (!runs(spec, there, eligible)) {
      const { zone, domain } = ground;
      rolls.push(
        planRoll({
          ...{ zone, service, spec, domain, eligible, options },
          running: there?.generations ?? [],
          definedAs: there?.definition,
        }),
      );
      continue;
    }
    const change = adjustment(ground, service, spec, there, eligible);
    if (change) adjustments.push(change);
    else unchanged.push(service);
  }
  const gone = Object.entries(running)
    .filter(
      ([service, { generations }]) => generations.length > 0 && !named.some(([name]) => name === service),
    )
    .map(([service, { generations }]) => ({ service, generations }))
    .toSorted((a, b) => (a.service < b.service ? -1 : 1));
  const plan = { zone: ground.zone, rolls, adjustments, unchanged, gone, prune };
  return { ...plan, hash: sha256Hex(canonicalJson(plan)) };
}

/** True when exactly what the specification asks for runs. */
function runs(spec: ServiceSpec, there: Running | undefined, eligible: number): boolean {
  const [only, ...others] = (there?.generations ?? []).filter(({ count }) => count > 0);
  if (!only || others.length > 0) return false;
  return only.version === versionOf(shapeOf(spec)) && only.count === countOf(spec, eligible);
}

function adjustment(
  { domain, recorded }: ServicesGround,
  service: string,
  spec: ServiceSpec,
  there: Running | undefined,
  eligible: number,
): Adjustment | undefined {
  const definition = definitionIn(service, spec, domain);
  const before = there?.definition;
  if (isSame(definition, before) && isSame(spec, recorded[service]?.spec)) return undefined;
  return {
    ...{ service, spec, definition },
    ...(before === undefined ? {} : { definedAs: before }),
    minAvailable: budgetOf(spec, countOf(spec, eligible)),
  };
}

/** A plan as a person reads it before approving it. */
export function applyText(plan: ApplyPlan, services: ServicesSpec, ground: ServicesGround): string {
  const { rolls, adjustments, unchanged, gone, prune } = plan;
  const lines = [
    ...rolls.map((roll) => rollText(roll)),
    ...adjustments.map(({ service }) => `${service}: instances stay; what is around them changes`),
    ...(unchanged.length > 0 ? [`as they are: ${unchanged.join(', ')}`] : []),
    ...gone.map(({ service }) =>
      prune
        ? `${service}: withdraw and stop (--prune)`
        : `${service}: runs, and the file does not name it; --prune stops it`,
    ),
    ...Object.entries(services).flatMap(([name, spec]) =>
      rolls.some(({ service }) => service === name)
        ? []
        : withoutEffect(name, spec).map((line) => `note: ${line}`),
    ),
    ...rolls.flatMap(({ service, definition: { hostPort } }) =>
      hostPort === undefined || ground.publicPorts.includes(hostPort)
        ? []
        : [
            `note: ${service}: port ${hostPort} is not among the border's publicPorts, so nobody outside reaches it`,
          ],
    ),
  ];
  return [...lines, `plan ${plan.hash.slice(0, 12)}`].join('\n');
}

export const changesAnything = ({ rolls, adjustments, gone, prune }: ApplyPlan): boolean =>
  rolls.length + adjustments.length + (prune ? gone.length : 0) > 0;
