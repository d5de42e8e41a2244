/** Toy operations: real kinds' names, toy plans. Bundled for the tests of the frame that every operation runs in. */
import { ApplicationFailure } from '@temporalio/workflow';
import { z } from 'zod';
import { operationInput } from '../../domain/operations.ts';
import { output, type PlannedStep } from '../../domain/plan.ts';
import type { Operation, WaitOptions } from '../../workflows/operation.ts';
import { runOperation } from '../../workflows/run-operation.ts';
import { applyPlan } from '../../workflows/steps.ts';

const toyInput = operationInput.extend({
  zone: z.string().optional(),
  /** Asks before anything is made. */
  approval: z.boolean().default(false),
  /** Makes something temporary first. */
  scaffold: z.boolean().default(false),
  /** Makes something first that is shared with others and outlives every operation. */
  shared: z.boolean().default(false),
  /** Waits for something after the plan. */
  wait: z.strictObject({ giveUpMs: z.number(), progressMs: z.number().optional() }).optional(),
  /** Looks something up at the end. */
  look: z.boolean().default(false),
});
export type ToyInput = z.input<typeof toyInput>;

const toy = { name: 'toy' };
const network = { vpcId: output('vpc'), availabilityZone: 'eu-central-1a' };

/** Six steps in three layers: a VPC and a role; two subnets and a group; a machine. */
export const toyPlan: readonly PlannedStep[] = [
  {
    ...toy,
    step: 'vpc',
    kind: 'vpc',
    plan: { cidr: '172.16.0.0/23' },
    summary: 'creating VPC 172.16.0.0/23',
  },
  {
    ...toy,
    step: 'role',
    kind: 'role',
    plan: { roleName: 'toy', statements: [] },
    summary: 'creating role toy',
  },
  {
    ...toy,
    step: 'subnet-a',
    kind: 'subnet',
    plan: { ...network, cidr: '172.16.0.0/26' },
    summary: 'creating subnet 172.16.0.0/26',
  },
  {
    ...toy,
    step: 'subnet-b',
    kind: 'subnet',
    plan: { ...network, cidr: '172.16.0.64/26' },
    summary: 'creating subnet 172.16.0.64/26',
  },
  {
    ...toy,
    step: 'group',
    kind: 'security-group',
    plan: { vpcId: output('vpc'), groupName: 'toy', description: 'toy' },
    summary: 'creating security group toy',
  },
  {
    ...toy,
    step: 'machine',
    kind: 'instance',
    plan: {
      imageId: 'ami-toy',
      instanceType: 't3.small',
      subnetId: output('subnet-a'),
      securityGroupIds: [output('group')],
      profileName: 'toy',
      userData: '#cloud-config',
      shutdownBehavior: 'stop',
    },
    after: ['role', 'subnet-b'],
    summary: 'launching machine toy',
  },
];

const scaffold: readonly PlannedStep[] = [
  { ...toy, step: 'scaffold', kind: 'vpc', plan: { cidr: '10.0.0.0/24' }, summary: 'creating scaffold' },
];
const sharedStep: readonly PlannedStep[] = [
  {
    ...toy,
    step: 'name-servers',
    kind: 'delegation-set',
    plan: { callerReference: 'toy' },
    summary: 'finding name servers',
    shared: true,
  },
];

/** Activities of the toys are in no table, so their names are not known to the types. */
interface ToyOperation {
  check(name: string, input: unknown, summary: string): Promise<unknown>;
  waitFor(name: string, input: unknown, options: WaitOptions): Promise<unknown>;
}
const asToy = (operation: Operation): ToyOperation => operation as unknown as ToyOperation;

/** Approval, six steps, a wait, a look. */
export function ToyZone(raw: unknown): Promise<{ machine: string | undefined }> {
  return runOperation(toyInput, raw, async (operation, input) => {
    if (input.approval) await approved(operation);
    if (input.scaffold) await applyPlan(operation, scaffold, { temporary: true });
    if (input.shared) await applyPlan(operation, sharedStep);
    const refs = await applyPlan(operation, toyPlan);
    if (input.wait) await waitForToy(operation, input.wait);
    if (input.look) await asToy(operation).check('toy.look', {}, 'looking at the toy');
    return { machine: refs.get('machine')?.id };
  });
}

async function approved(operation: Operation): Promise<void> {
  const question = {
    id: 'approve',
    text: 'Make the toy zone?',
    choices: ['approve', 'reject'],
    default: 'reject',
  };
  if ((await operation.ask(question)) !== 'approve') {
    throw ApplicationFailure.nonRetryable('Plan of the toy zone was not approved', 'Declined');
  }
}

async function waitForToy(
  operation: Operation,
  wait: NonNullable<z.output<typeof toyInput>['wait']>,
): Promise<void> {
  const { giveUpMs, progressMs } = wait;
  await asToy(operation).waitFor(
    'toy.settled',
    {},
    { what: 'the toy to settle', giveUpMs, ...(progressMs === undefined ? {} : { progressMs }) },
  );
}

/** Two plans at the same time, as an operation may do it. */
export function ToyTwins(raw: unknown): Promise<void> {
  return runOperation(toyInput, raw, async (operation) => {
    const left = toyPlan.filter(({ step }) => step === 'vpc');
    const right = toyPlan.filter(({ step }) => step === 'role');
    await Promise.all([applyPlan(operation, left), applyPlan(operation, right)]);
  });
}

/** Has a bug after its first layer; `toys-fixed.ts` holds the fixed code. */
export function ToyBroken(raw: unknown): Promise<string> {
  return runOperation(toyInput, raw, async (operation) => {
    const refs = await applyPlan(operation, toyPlan.slice(0, 2));
    return (refs.get('no such step') as { id: string }).id;
  });
}

/** Its second step uses what the first one does not return. */
export function ToyAstray(raw: unknown): Promise<void> {
  return runOperation(toyInput, raw, async (operation) => {
    const [vpc] = toyPlan;
    assertStep(vpc);
    const plan = { roleName: output('vpc', 'arn'), statements: [] };
    await applyPlan(operation, [vpc, { ...toy, step: 'role', kind: 'role', plan, summary: 'creating role' }]);
  });
}

function assertStep(step: PlannedStep | undefined): asserts step is PlannedStep {
  if (!step) throw new Error('The toy plan is empty');
}

/** Has a bug that meets a step which fails. */
export function ToyBug(raw: unknown): Promise<void> {
  return runOperation(toyInput, raw, async (operation) => {
    const note = ({ step }: { readonly step: string }) => {
      if (step === 'role') throw new TypeError('a bug in workflow code');
    };
    const written = async () => undefined;
    await applyPlan(operation, toyPlan.slice(0, 2), { ledger: { begin: written, note, written } });
  });
}

/** As a bake does it: what fails is the machine, so its maker decides, and a retry takes a new one. */
export function ToyBake(raw: unknown): Promise<void> {
  return runOperation(toyInput, raw, (operation) =>
    operation.orDecide('bake', async (retries) => {
      await applyPlan(operation, scaffold, { temporary: true, incarnation: retries + 1 });
      await asToy(operation).check('toy.look', {}, 'reading the result');
    }),
  );
}

/** Its only step belongs to a worker inside the zone. */
export function ToyAdmission(raw: unknown): Promise<void> {
  return runOperation(toyInput, raw, async (operation) => {
    const plan = { node: 'i-toy', instanceId: 'i-toy', labels: {} };
    const step = {
      ...toy,
      step: 'admission',
      kind: 'node-admission',
      plan,
      summary: 'admitting i-toy',
    } as const;
    await applyPlan(operation, [step]);
  });
}
