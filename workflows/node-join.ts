import { z } from 'zod';
import { operationInput } from '../domain/operations.ts';
import { joinPlan, joinSteps, JOINING_ROLES, type JoinPlan } from '../domain/zone/join.ts';
import { admissionStep, instanceStep } from '../domain/zone/machine-steps.ts';
import { manifestKey, refsOf } from '../domain/zone/manifest.ts';
import { nodeName } from '../domain/pki/facts.ts';
import { nodeUserData } from '../machine/node-user-data.ts';
import { approve } from './approval.ts';
import { directorAnswers, etcdAdmits } from './director-joins.ts';
import { zoneParts } from './manifest.ts';
import { activity, type Operation } from './operation.ts';
import { UNDO } from './retries.ts';
import { runOperation } from './run-operation.ts';
import { applyPlan, type Refs } from './steps.ts';

export const nodeJoinInput = operationInput.extend({
  zone: z.string().min(1),
  bucket: z.string().min(3),
  role: z.enum(JOINING_ROLES),
  /** `worker-2`: named by whoever asks, so that asking twice asks for the same machine. */
  machine: z.string().min(1),
  /** Place of the worker's pool in the zone's list. */
  pool: z.number().int().min(0).optional(),
});
export type NodeJoinInput = z.output<typeof nodeJoinInput>;

export interface NodeJoinResult {
  readonly zone: string;
  readonly machine: string;
  readonly instanceId: string;
  readonly privateIp: string;
  /** What a pod on the new node answered; directors run no pods. */
  readonly answered?: { readonly pod: string; readonly node: string; readonly address: string };
}

const MINUTE = 60_000;

/** Joins one machine to an active zone. It takes work only after a pod on it has answered over the zone's network. */
export const nodeJoin = (raw: unknown): Promise<NodeJoinResult> =>
  runOperation(nodeJoinInput, raw, async (operation, input) => {
    const { plan, refs } = await planned(operation, input);
    await approve(operation, plan.hash, `join ${plan.machine.name} to ${plan.domain}`);
    await zoneAnswers(operation, input.zone);
    await etcdAdmits(operation, plan);
    const manifest = zoneParts(operation, input, plan.steps);
    await manifest.hold();
    const last = admissionStep(plan.machine.name);
    const made = await applyPlan(
      operation,
      plan.steps.filter(({ step }) => step !== last),
      { ledger: manifest, refs },
    );
    const answered = await podAnswers(operation, plan, made);
    if (plan.machine.role === 'director') await directorAnswers(operation, plan);
    await applyPlan(
      operation,
      plan.steps.filter(({ step }) => step === last),
      { ledger: manifest, refs: made },
    );
    const instance = made.get(instanceStep(plan.machine.name));
    return {
      zone: input.zone,
      machine: plan.machine.name,
      instanceId: instance?.id ?? '',
      privateIp: plan.machine.privateIp,
      ...(answered === undefined ? {} : { answered }),
    };
  });

/** The same plan as the command line's, from the same manifest. */
async function planned(
  operation: Operation,
  { zone, bucket, ...request }: NodeJoinInput,
): Promise<{ plan: JoinPlan; refs: Refs }> {
  const name = { bucket, key: manifestKey(zone) };
  const about = await operation.check('manifest.about', name, 'reading the manifest');
  const steps = joinSteps(about, request, nodeUserData);
  const parts = await operation.check(
    'manifest.parts',
    { ...name, steps: steps.needs },
    'reading the parts that it uses',
  );
  return { plan: joinPlan(steps, parts), refs: refsOf(parts) };
}

/** Before a machine is paid for: somebody must be there who can say that it has joined. */
const zoneAnswers = (operation: Operation, zone: string) =>
  operation.waitFor(
    'apiserver.ready',
    {},
    {
      what: 'the API server to be ready',
      giveUpMs: 10 * MINUTE,
      progressMs: MINUTE,
      zone,
    },
  );

/** The gate of a worker: its node is ready, and a pod on this very node answers the border by the new routes. */
async function podAnswers(operation: Operation, { machine, hash }: JoinPlan, refs: Refs) {
  const { zone } = operation.input;
  const instanceId = refs.get(instanceStep(machine.name))?.id ?? '';
  if (machine.role !== 'worker' || zone === undefined) return undefined;
  const node = nodeName({ instanceId, role: machine.role });
  const waiting = (what: string) => ({ what, giveUpMs: 30 * MINUTE, progressMs: 5 * MINUTE, zone });
  await operation.waitFor('node.ready', { node, instanceId }, waiting(`node ${node} to be ready`));
  const probe = { name: `join-${machine.name}-${hash.slice(0, 8)}` };
  operation.afterFailure.push(async ({ kept }) => {
    const options = { ...UNDO, summary: 'removing the pod that was to answer' };
    if (!kept) await activity('pod.remove', probe, options, zone);
  });
  const answered = await operation.waitFor(
    'pod.answers',
    { ...probe, node },
    waiting(`a pod on ${machine.name} to answer`),
  );
  await operation.check('pod.remove', probe, 'removing the pod that answered', zone);
  return answered;
}
