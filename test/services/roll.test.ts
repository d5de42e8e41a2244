/** Rolls in a model of a zone: whatever happens to them, no request could have been lost. */
import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Explanation, Progress } from '../../domain/explain.ts';
import { parse } from '../../domain/parse.ts';
import { planApply } from '../../domain/services/apply.ts';
import { planRoll, rollOptionsSchema } from '../../domain/services/roll.ts';
import { servicesSchema } from '../../domain/services/spec.ts';
import type { ApplyServicesResult } from '../../workflows/apply-services.ts';
import type { RollResult } from '../../workflows/services/roll.ts';
import { isGate, sampled } from '../operations/harness/kills.ts';
import { Laboratory, ZONE } from './laboratory.ts';

const N = 3;
const MAX_EVENTS = 2_000;
const domain = `${ZONE}.example.com`;
const options = rollOptionsSchema.parse({ soakSeconds: 2, giveUpSeconds: 60 });

/** When a roll is disturbed: while this step runs, so much later. */
const MOMENTS = [
  ['start', 0],
  ['start', 1_200],
  ['announce', 0],
  ['withdraw', 0],
  ['withdraw', 700],
  ['withdraw', 1_500],
  ['stop', 0],
  ['stop', 600],
  ['stop', 1_200],
  ['watch', 500],
] as const;

suite('rolls in a model of a zone', { concurrency: 6 }, () => {
  let lab: Laboratory;
  before(async () => {
    lab = await Laboratory.open();
  });
  after(() => lab.close());

  const specOf = (service: string, image: string) =>
    parse(
      servicesSchema,
      {
        [service]: {
          num_instances: N,
          drain_seconds: 20,
          public_endpoints: [{ name: service, port: lab.port, scheme: 'http' }],
          containers: [{ name: 'web', image, port: lab.port }],
        },
      },
      'test',
    );

  const roll = async (service: string, image: string, more: Partial<typeof options> = {}) => {
    const spec = specOf(service, image)[service]!;
    const recorded = lab.recorded[service];
    const chosen = { ...options, ...more };
    const plan = planRoll({
      ...{ zone: ZONE, service, spec, domain, eligible: 3, options: chosen },
      running: recorded?.generations ?? [],
      definedAs: recorded?.definition,
    });
    return lab.start('RollingServiceUpdate', `roll-${service}`, {
      service,
      spec,
      options: chosen,
      approvedPlan: plan.hash,
    });
  };
  /** A service with instances 1 to n; of one service there may be no others in a plan. */
  const begin = async (service: string) => {
    const spec = specOf(service, 'web:1')[service]!;
    const plan = planRoll({ ...{ zone: ZONE, service, spec, domain, eligible: 3, options }, running: [] });
    const handle = await lab.start('RollingServiceUpdate', `roll-${service}`, {
      service,
      spec,
      options,
      approvedPlan: plan.hash,
    });
    await handle.result();
    assert.deepEqual(
      lab.zone.routed(service).toSorted((one, other) => one - other),
      [1, 2, 3],
    );
  };
  const nothingWasLost = (service: string) => {
    const mine = lab.zone.losses.filter(
      (loss) => loss.startsWith(`${service}/`) || loss.startsWith('the model'),
    );
    assert.deepEqual(mine, []);
    assert.ok((lab.zone.fewest.get(service) ?? 0) >= N, `fewest announced: ${lab.zone.fewest.get(service)}`);
  };
  const asItWas = (service: string) => {
    assert.deepEqual(
      lab.zone.routed(service).toSorted((one, other) => one - other),
      [1, 2, 3],
    );
    assert.deepEqual(
      lab.recorded[service]?.generations.map(({ first, count }) => [first, count]),
      [[1, N]],
    );
    nothingWasLost(service);
  };

  test('3 → 3: new ones are numbered on, none is missed, the record follows', async () => {
    await begin('plain');
    const handle = await roll('plain', 'web:2');
    const result = (await handle.result()) as RollResult;
    assert.deepEqual([result.instances, result.stopped, result.cut], ['plain@4…6', 'plain@1…3', []]);
    assert.deepEqual(
      lab.zone.routed('plain').toSorted((one, other) => one - other),
      [4, 5, 6],
    );
    assert.deepEqual(
      lab.recorded['plain']?.generations.map(({ generation, first }) => [generation, first]),
      [[2, 4]],
    );
    nothingWasLost('plain');
    const { historyLength } = await handle.describe();
    assert.ok(historyLength < MAX_EVENTS, `${historyLength} events`);
    await assert.rejects(
      (
        await lab.start('RollingServiceUpdate', 'roll-plain', {
          service: 'plain',
          spec: specOf('plain', 'web:2')['plain'],
          options,
        })
      ).result(),
      (error) => failureOf(error, 'Conflict', /3 instances of version .* run already/),
    );
  });

  const chosen = isGate
    ? MOMENTS
    : [sampled('abort early', MOMENTS.slice(0, 6)), sampled('abort late', MOMENTS.slice(6))];
  for (const [step, laterMs] of chosen.filter((moment) => moment !== undefined)) {
    const service = `abort-${step}-${laterMs}`;
    test(`aborted ${laterMs} ms into "${step}": old ones are back before new ones go`, async () => {
      await begin(service);
      const handle = await roll(service, 'web:2');
      await untilStep(handle, step);
      await later(laterMs);
      await handle.executeUpdate('abort', { args: [{ actor: 'bob', reason: 'because' }] });
      await assert.rejects(handle.result(), (error) => failureOf(error, 'Aborted', /everything was undone/));
      asItWas(service);
    });
  }

  test('a version that never gets well is taken back at the deadline', async () => {
    await begin('bad');
    lab.zone.isBad = (pod) => pod.metadata?.name?.startsWith('bad-g2') === true;
    const handle = await roll('bad', 'web:2', { giveUpSeconds: 4 });
    await assert.rejects(handle.result(), (error) =>
      failureOf(error, 'GateFailed', /waiting for 3 of 3 instances to run/),
    );
    asItWas('bad');
  });

  test('while all presence is lost it waits, says so, and changes nothing; then it goes on', async () => {
    await begin('frozen');
    const handle = await roll('frozen', 'web:2');
    await untilStep(handle, 'withdraw');
    lab.zone.silent.add('frozen');
    assert.match(await eventually(() => presenceLost(handle)), /nothing (is changed|changes)/);
    const before = lab.zone.routed('frozen');
    await later(2_000);
    assert.deepEqual(lab.zone.routed('frozen'), before);
    lab.zone.silent.delete('frozen');
    await handle.result();
    assert.deepEqual(
      lab.zone.routed('frozen').toSorted((one, other) => one - other),
      [4, 5, 6],
    );
    nothingWasLost('frozen');
  });

  test('paused in the middle it stays there until it is resumed', async () => {
    await begin('paused');
    const handle = await roll('paused', 'web:2');
    await untilStep(handle, 'withdraw');
    await handle.executeUpdate('pause', { args: [{ actor: 'bob', reason: 'lunch' }] });
    await later(4_000);
    const { steps } = await handle.query<Progress>('progress');
    assert.ok(!steps.some((view) => view.step.startsWith('watch')));
    await handle.executeUpdate('resume', { args: [{ actor: 'bob', reason: 'fed' }] });
    await handle.result();
    nothingWasLost('paused');
  });

  test('an approval of another plan counts for nothing, and neither does a malformed image', async () => {
    const spec = specOf('refused', 'web:1')['refused']!;
    const other = await lab.start('RollingServiceUpdate', 'roll-refused', {
      service: 'refused',
      spec,
      options,
      approvedPlan: 'x',
    });
    await assert.rejects(other.result(), (error) => failureOf(error, 'Declined', /plan x was approved/));
    const malformed = { ...spec, containers: [{ ...spec.containers[0], image: 'Web:1' }] };
    const wrong = await lab.start('RollingServiceUpdate', 'roll-refused', {
      service: 'refused',
      spec: malformed,
      options,
    });
    await assert.rejects(wrong.result(), (error) => failureOf(error, 'InvalidInput', /image: "Web:1"/));
    assert.deepEqual(lab.zone.routed('refused'), []);
    assert.equal(lab.recorded['refused'], undefined);
  });
});

suite('services.yml in a model of a zone', () => {
  let lab: Laboratory;
  before(async () => {
    lab = await Laboratory.open();
  });
  after(() => lab.close());

  test('applying starts and rolls; what the file does not name goes only when pruned', async () => {
    const serviceOf = (image: string) => ({
      num_instances: N,
      drain_seconds: 20,
      public_endpoints: [],
      containers: [{ name: 'web', image, port: lab.port }],
    });
    const apply = async (services: object, prune = false) => {
      const parsed = parse(servicesSchema, services, 'test');
      const ground = {
        ...{ zone: ZONE, environment: 'example.com', domain, zoneCreatedAt: '', workers: 3 },
        groups: {},
        publicPorts: [],
        recorded: lab.recorded,
      };
      const { hash } = planApply({ ground, services: parsed, running: lab.recorded, options, prune });
      const handle = await lab.start('ApplyServices', 'services', {
        services: parsed,
        options,
        prune,
        approvedPlan: hash,
      });
      return (await handle.result()) as ApplyServicesResult;
    };
    const both = await apply({ a: serviceOf('web:1'), b: serviceOf('web:1') });
    assert.deepEqual(
      both.rolled.map(({ instances }) => instances),
      ['a@1…3', 'b@1…3'],
    );
    const one = await apply({ a: serviceOf('web:2') });
    assert.deepEqual(
      [one.rolled.map(({ instances }) => instances), one.left, one.removed],
      [['a@4…6'], ['b'], []],
    );
    assert.deepEqual(
      lab.zone.routed('b').toSorted((one, other) => one - other),
      [1, 2, 3],
    );
    const adjusted = await apply({ a: { ...serviceOf('web:2'), min_available: 1 } });
    assert.deepEqual(adjusted.adjusted, ['a']);
    const pruned = await apply({ a: { ...serviceOf('web:2'), min_available: 1 } }, true);
    assert.deepEqual([pruned.unchanged, pruned.removed], [['a'], ['b']]);
    assert.deepEqual([lab.zone.routed('b'), Object.keys(lab.recorded)], [[], ['a']]);
    assert.deepEqual(lab.zone.losses, []);
  });
});

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function eventually<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; await later(50)) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
  }
  throw new Error('never as wanted');
}

/** What a person is told of lost presence: by a wait, or by the step that is tried again. */
async function presenceLost(handle: WorkflowHandle): Promise<string | undefined> {
  const { waits } = await handle.query<Explanation>('explain');
  const { raw } = await handle.describe();
  const failures = (raw.pendingActivities ?? []).map(({ lastFailure }) => lastFailure?.message ?? '');
  return [...waits.map(({ what }) => what), ...failures].find((text) => /presence of "?frozen/.test(text));
}

const untilStep = (handle: WorkflowHandle, step: string): Promise<true> =>
  eventually(async () => {
    const { steps } = await handle.query<Progress>('progress');
    return steps.some((view) => view.step.startsWith(step) && view.state === 'running') || undefined;
  });

function failureOf(error: unknown, type: string, message: RegExp): true {
  assert.ok(error instanceof WorkflowFailedError, String(error));
  const cause = error.cause as { type?: string; message: string };
  assert.deepEqual([cause.type, message.test(cause.message)], [type, true], cause.message);
  return true;
}
