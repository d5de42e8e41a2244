/**
 * Operations that fail or are aborted leave nothing, whatever happens late; and what others planted under their tags is
 * neither adopted nor deleted. All run side by side, under a worker that runs each activity, so each undo, twice.
 */
import {
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import type { ResourceType, TagSpecification } from '@aws-sdk/client-ec2';
import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultInput } from '../../sandbox/aws/faults.ts';
import { MAY_STAY } from './harness/end-state.ts';
import { drawPoints, seed } from './harness/kills.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from './harness/laboratory.ts';
import { failingBake, smallBake, zoneImage } from './harness/recipes.ts';
import { restore } from './harness/restore.ts';
import { runPhase, type Ended, type Phase, type Start } from './harness/run.ts';
import { withWorker } from './harness/scenario.ts';
import { createOtherZone, createZone, type Prepare } from './harness/scenarios.ts';

interface Case {
  readonly prepare: Prepare;
  /** Armed for the calls that bear this run's names. */
  readonly faults?: (start: Start) => readonly FaultInput[];
  readonly during?: (handle: WorkflowHandle, lab: Laboratory) => Promise<void>;
  readonly outcome: 'aborted' | 'rolled back';
  readonly says: RegExp;
}

/** Up to these they make; then a bake removes what is temporary, and a zone boots machines. */
const EVENTS_OF_BAKE = 140;
const EVENTS_OF_GROUND = 330;
const abortAt =
  (events: number) =>
  async (handle: WorkflowHandle): Promise<void> => {
    while ((await handle.describe()).historyLength < events) await sleep(100);
    await handle.executeUpdate('abort', { args: [{ actor: 'harness', reason: `after event ${events}` }] });
  };

/** Of a call that creates something of this name. */
const naming = (action: string, name: string): FaultInput['match'] => ({
  service: 'ec2',
  action,
  params: { 'TagSpecification.1.Tag.1.Value': `*${name}*` },
});

/**
 * Its first request takes effect long after its connection was lost, and after the abort. What lies in a VPC would
 * keep it from being deleted, so it is found by its own undo, within the consistency window; a VPC by the sweep.
 */
const late = (action: string, ms: number): Case => ({
  prepare: smallBake,
  faults: ({ own }) => [
    { match: { ...naming(action, own[1] ?? ''), times: 1 }, effect: { kind: 'delay-effect', ms } },
  ],
  during: async (handle, { front }) => {
    while (!(await front.struck(action))) await sleep(100);
    await abortAt(0)(handle);
  },
  outcome: 'aborted',
  says: /Aborted; everything was undone/,
});

const refused = (action: string, name: (start: Start) => string, prepare: Prepare): Case => ({
  prepare,
  faults: (start) => [
    {
      match: naming(action, name(start)),
      effect: { kind: 'error', code: 'UnauthorizedOperation', status: 403, message: 'You may not.' },
    },
  ],
  outcome: 'rolled back',
  says: /UnauthorizedOperation.*everything was undone/,
});

const [early = 0, middle = 0, end = 0] = drawPoints('abort', 3, 8, EVENTS_OF_BAKE);
const [inGround = 0] = drawPoints('abort of a zone', 1, 20, EVENTS_OF_GROUND);
const aborted = (events: number, prepare: Prepare = smallBake): Case => ({
  prepare,
  during: abortAt(events),
  outcome: 'aborted',
  says: /Aborted; everything was undone/,
});

const CASES: Readonly<Record<string, Case>> = {
  [`a bake that is aborted after event ${early}`]: aborted(early),
  [`a bake that is aborted after event ${middle}`]: aborted(middle),
  [`a bake that is aborted after event ${end}`]: aborted(end),
  'a bake whose VPC appears after its undo': late('CreateVpc', 4_000),
  'a bake whose subnet appears after its undo': late('CreateSubnet', 1_500),
  'a bake whose internet gateway is refused': refused(
    'CreateInternetGateway',
    ({ own }) => own[1] ?? '',
    smallBake,
  ),
  'a bake whose builder fails': {
    prepare: failingBake,
    outcome: 'rolled back',
    says: /this recipe cannot be installed[^]*everything was undone/,
  },
  'a zone whose border is refused': refused('RunInstances', () => 'border-0', createZone),
  [`a zone that is aborted after event ${inGround}`]: aborted(inGround, createOtherZone),
};

suite('operations that fail leave nothing', () => {
  let lab: Laboratory;
  let ec2: EC2Client;
  let phase: Phase;
  const planted: { vpc: string; subnet: string; other: string } = { vpc: '', subnet: '', other: '' };
  const names = Object.keys(CASES);

  before(async () => {
    lab = await openLaboratory();
    ec2 = new EC2Client(lab.context.aws);
    await withWorker('plain', async () => {
      await restore(lab);
      await zoneImage(lab);
    });
    const run = String(process.pid);
    const starts = await Promise.all(
      Object.values(CASES).map(({ prepare }, n) => prepare(lab, `${run}-${n}`)),
    );
    const victims = await Promise.all(['vpc', 'subnet'].map((what) => smallBake(lab, `${run}-${what}`)));
    const delayed = victims.map((start) => ({ ...start, startDelayMs: 5_000 }));
    const ground = await lab.front.inventory();
    await lab.front.fault(
      Object.values(CASES).flatMap(({ faults }, n) => faults?.(starts[n] as Start) ?? []),
    );
    phase = await withWorker('twice', () =>
      runPhase(lab, [...starts, ...delayed], ground, async (handles) => {
        const during = Object.values(CASES).map(({ during: act }, n) =>
          act?.(handles[n] as WorkflowHandle, lab),
        );
        await Promise.all([...during, plant(handles.slice(starts.length))]);
      }),
    );
  });
  after(async () => {
    const { vpc, subnet, other } = planted;
    if (subnet !== '') await ec2.send(new DeleteSubnetCommand({ SubnetId: subnet }));
    for (const VpcId of [vpc, other]) if (VpcId !== '') await ec2.send(new DeleteVpcCommand({ VpcId }));
    ec2.destroy();
    await closeLaboratory(lab);
  });

  /** A VPC with the right tags and another address range; a subnet with the right tags in another VPC. */
  async function plant([first, second]: readonly WorkflowHandle[]): Promise<void> {
    const forVpc = await tagsFor(first as WorkflowHandle, 'network/vpc', 'vpc');
    const vpc = await ec2.send(
      new CreateVpcCommand({ CidrBlock: '10.99.0.0/16', TagSpecifications: forVpc }),
    );
    const other = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.98.0.0/16' }));
    planted.vpc = vpc.Vpc?.VpcId ?? '';
    planted.other = other.Vpc?.VpcId ?? '';
    const subnet = await ec2.send(
      new CreateSubnetCommand({
        VpcId: planted.other,
        CidrBlock: '10.98.0.0/24',
        TagSpecifications: await tagsFor(second as WorkflowHandle, 'network/subnet', 'subnet'),
      }),
    );
    planted.subnet = subnet.Subnet?.SubnetId ?? '';
  }

  async function tagsFor(
    handle: WorkflowHandle,
    step: string,
    type: ResourceType,
  ): Promise<TagSpecification[]> {
    const { runId } = await handle.describe();
    const tags = {
      operation: `${handle.workflowId}.${runId.slice(-8)}`,
      step,
      incarnation: '1',
      attempt: '1',
    };
    const Tags = Object.entries(tags).map(([key, Value]) => ({ Key: `zonewright:${key}`, Value }));
    return [{ ResourceType: type, Tags }];
  }

  for (const [n, name] of names.entries()) {
    test(name, (t) => {
      t.diagnostic(`seed ${seed}`);
      const { outcome, says } = CASES[name] as Case;
      failed(phase.ended[n], outcome, says);
    });
  }

  test('what they made is gone', () => {
    const left = phase.endState.filter((line) => !MAY_STAY.test(line) && !line.includes('10.9'));
    const ours = new Set(Object.values(planted));
    assert.equal(ours.size, 3);
    const unplanted = left.filter((line) => !/^\+ .*"kind":"(vpc|subnet)"/.test(line));
    assert.deepEqual(unplanted, []);
    assert.equal(left.length - unplanted.length, ours.size, left.join('\n'));
  });

  test('late effects did happen, after their undo', () => {
    const delayed = phase.calls.filter(({ fault }) => fault === 'delay-effect').map(({ action }) => action);
    assert.deepEqual(delayed.toSorted(), ['CreateSubnet', 'CreateVpc']);
  });

  test('a planted VPC of another address range is neither adopted nor deleted', async () => {
    failed(
      phase.ended.at(-2),
      'rolled back',
      new RegExp(`Cannot adopt VPC.*"${planted.vpc}".*10\\.99\\.0\\.0/16`),
    );
    assert.ok((await lab.front.inventory()).some(({ id }) => id === planted.vpc));
  });

  test('a planted subnet in another VPC is neither adopted nor deleted', async () => {
    failed(
      phase.ended.at(-1),
      'rolled back',
      new RegExp(`Cannot adopt subnet.*"${planted.subnet}".*${planted.other}`),
    );
    assert.ok((await lab.front.inventory()).some(({ id }) => id === planted.subnet));
  });

  function failed(ended: Ended | undefined, outcome: string, says: RegExp): void {
    assert.match(ended?.failure ?? 'it succeeded', says);
    assert.equal(ended?.record?.outcome, outcome);
    const states = new Set(ended?.record?.steps.map(({ state }) => state));
    assert.ok(!states.has('left') && !states.has('running'), [...states].join(', '));
  }
});
