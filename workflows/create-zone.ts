import { condition } from '@temporalio/workflow';
import { z } from 'zod';
import { canonicalJson, sha256Hex } from '../domain/hash.ts';
import { operationInput, zoneQueue } from '../domain/operations.ts';
import { outputsUsed, type PlannedStep } from '../domain/plan.ts';
import { zoneFactsSchema, planZone, type ZonePlan } from '../domain/zone/plan.ts';
import { zoneSpecSchema } from '../domain/zone/spec.ts';
import { approve } from './approval.ts';
import { manifestWriter } from './manifest.ts';
import { runOperation, type Operation } from './operation.ts';
import { applyPlan, type Refs } from './steps.ts';

export const createZoneInput = operationInput.extend({
  zone: z.string().min(1),
  spec: zoneSpecSchema,
  facts: zoneFactsSchema,
});

export interface CreateZoneResult {
  readonly zone: string;
  readonly border: string;
  readonly manifestKey: string;
  readonly answered: string;
}

const MINUTE = 60_000;

/** Creates a zone from its plan. Nothing changes before the plan is approved; the manifest grows with each step. */
export const createZone = (raw: unknown): Promise<CreateZoneResult> =>
  runOperation(createZoneInput, raw, async (operation, input) => {
    const plan = planZone(input.spec, input.facts);
    await approve(operation, sha256Hex(canonicalJson(plan.steps)), `create zone ${plan.zone}`);
    const manifest = manifestWriter(operation, input, plan);
    await manifest.open();
    const before = plan.steps.filter((step) => !needsMachines(step));
    const ground = await applyPlan(operation, before, { onMade: manifest.note });
    await delegated(operation, plan, ground);
    const refs = await applyPlan(
      operation,
      plan.steps.filter(needsMachines),
      { refs: ground, onMade: manifest.note },
    );
    const answered = await deepHealth(operation, plan, refs);
    await manifest.close('active');
    return { zone: plan.zone, border: publicAddress(refs), manifestKey: manifest.key, answered };
  });
