import { ApplicationFailure } from '@temporalio/workflow';
import { z } from 'zod';
import { operationInput } from '../domain/operations.ts';
import { dependenciesOf, type PlannedStep } from '../domain/plan.ts';
import { planZone, zoneFactsSchema, type ZonePlan } from '../domain/zone/plan.ts';
import { manifestKey, newManifest } from '../domain/zone/manifest.ts';
import { zoneSpecSchema } from '../domain/zone/spec.ts';
import { nodeUserData } from '../machine/node-user-data.ts';
import { approve } from './approval.ts';
import { manifestWriter } from './manifest.ts';
import type { Operation } from './operation.ts';
import { runOperation } from './run-operation.ts';
import { applyPlan, type Refs } from './steps.ts';
import { deepHealth, delegated } from './zone-gates.ts';

export const createZoneInput = operationInput.extend({
  zone: z.string().min(1),
  spec: zoneSpecSchema,
  facts: zoneFactsSchema,
});
export type CreateZoneInput = z.output<typeof createZoneInput>;

export interface CreateZoneResult {
  readonly zone: string;
  readonly domain: string;
  readonly manifestKey: string;
  /** Elastic IPs of the borders. */
  readonly borders: readonly string[];
  /** What a pod answered at the end: the proof. */
  readonly answered: { readonly pod: string; readonly node: string; readonly address: string };
}

/** Creates a zone from its plan. Nothing changes before the plan is approved; the manifest grows with the work. */
export const createZone = (raw: unknown): Promise<CreateZoneResult> =>
  runOperation(createZoneInput, raw, async (operation, input) => {
    const plan = planZone(input.spec, input.facts, nodeUserData);
    await approve(operation, plan.hash, `create zone ${plan.domain}`);
    await refuseOtherAccount(operation, plan);
    const manifest = manifestWriter(
      operation,
      plan.bucket,
      newManifest(plan, input.spec, new Date().toISOString(), input.facts),
    );
    await manifest.open();
    const { ground, machines } = stages(plan.steps);
    const below = await applyPlan(operation, ground, { ledger: manifest });
    await delegated(operation, plan, below);
    const refs = await applyPlan(operation, machines, { refs: below, ledger: manifest });
    const answered = await deepHealth(operation, plan, refs);
    await manifest.close('active');
    return {
      zone: plan.zone,
      domain: plan.domain,
      manifestKey: manifestKey(plan.zone),
      borders: publicAddresses(plan, refs),
      answered,
    };
  });

/** Credentials that moved to another account since the plan was made would build the zone there. */
async function refuseOtherAccount(operation: Operation, plan: ZonePlan): Promise<void> {
  const { accountId } = await operation.check('account.identity', {}, 'looking whose account this is');
  if (accountId === plan.accountId) return;
  throw ApplicationFailure.nonRetryable(
    `Cannot create zone ${plan.domain}: it is planned for account ${plan.accountId}, the worker's credentials are of ${accountId}`,
    'CloudRefused',
  );
}

/**
 * The zone's name must resolve before anything boots in it, so machines and what needs them come second. Which those
 * are follows from the plan.
 */
export function stages(steps: readonly PlannedStep[]): { ground: PlannedStep[]; machines: PlannedStep[] } {
  const late = new Set(steps.filter((step) => step.kind === 'instance').map((step) => step.step));
  for (let before = -1; before !== late.size;) {
    before = late.size;
    for (const step of steps)
      if (dependenciesOf(step).some((needed) => late.has(needed))) late.add(step.step);
  }
  return {
    ground: steps.filter((step) => !late.has(step.step)),
    machines: steps.filter((step) => late.has(step.step)),
  };
}

const publicAddresses = ({ gates }: ZonePlan, refs: Refs): string[] =>
  gates
    .flatMap((gate) => (gate.gate === 'health' ? Object.values(gate.publicNames) : []))
    .map((step) => String(refs.get(step)?.['publicIp']));
