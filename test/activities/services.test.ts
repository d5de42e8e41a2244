import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { serviceChecks } from '../../activities/checks/services.ts';
import { openEtcd } from '../../activities/cloud/etcd.ts';
import { connectKubernetes } from '../../activities/cloud/kubernetes.ts';
import { disruptionBudgetEffect } from '../../activities/disruption-budget.ts';
import { serviceDefinitionEffect } from '../../activities/service-definition.ts';
import { serviceGenerationEffect } from '../../activities/service-generation.ts';
import { serviceShrinkEffect } from '../../activities/service-shrink.ts';
import { serviceWithdrawalEffect } from '../../activities/service-withdrawal.ts';
import { listPods, readSet } from '../../activities/services/sets.ts';
import { NUMBER_LABEL, WITHDRAWN_ANNOTATION } from '../../domain/discovery/values.ts';
import { parse } from '../../domain/parse.ts';
import { generationLabels, NAMESPACE, setName, statefulSet } from '../../domain/services/objects.ts';
import { shapeOf, versionOf } from '../../domain/services/shape.ts';
import { servicesSchema } from '../../domain/services/spec.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { effectRunner, inActivity, SETTINGS, someOwner, untilSettled } from './run-effect.ts';

const BORDER = 'i-0b0';
const signal = new AbortController().signal;
const spec = parse(
  servicesSchema,
  { web: { containers: [{ name: 'web', image: 'web:1', port: 80 }] } },
  'test',
)['web']!;
const shape = shapeOf(spec);
const version = versionOf(shape);

suite('services on a real API server and etcd', () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
    await untilSettled(() => inActivity(async () => (await openEtcd(plane.access.discovery)).close()));
    await untilSettled(async () => {
      try {
        await api().core.readNamespace({ name: NAMESPACE });
      } catch (error) {
        throw Object.assign(new Error('not ready', { cause: error }), { type: 'NotYet' });
      }
    });
  });
  after(() => plane.stop());

  const api = () => connectKubernetes(plane.access.kubernetes, signal);
  const checks = () => serviceChecks(plane.access);
  const planOf = (service: string, generation: number, first: number, keep = 0) => ({
    ...{ service, generation, version, first, count: 2, keep, drainSeconds: 60 },
    object: JSON.parse(JSON.stringify(statefulSet({ service, generation, version, first, shape }))) as never,
  });
  const generations = () =>
    effectRunner('service-generation', serviceGenerationEffect(plane.access, SETTINGS));
  const withdrawals = () =>
    effectRunner('service-withdrawal', serviceWithdrawalEffect(plane.access, SETTINGS));
  const shrinks = () => effectRunner('service-shrink', serviceShrinkEffect(plane.access, SETTINGS));

  /** What projector and router would write. */
  async function route(
    service: string,
    numbers: readonly number[],
    router?: { revision?: number; drained?: number },
  ) {
    const client = await openEtcd(plane.access.discovery);
    try {
      await client.delete().prefix(`/services/${service}/hosts/`);
      for (const number of numbers)
        await client.put(`/services/${service}/hosts/${number}`).value(`10.0.0.${number}:80`);
      const { header } = await client.put('/projector/changed').value('now').exec();
      const revision = Number(header.revision);
      await client.put(`/borders/${BORDER}`).value('{"name":"border-0"}');
      const report = { revision, drained: revision, at: new Date().toISOString(), ...router };
      await client.put(`/routers/${BORDER}`).value(JSON.stringify(report));
      return revision;
    } finally {
      client.close();
    }
  }
  async function write(key: string, value: string | undefined) {
    const client = await openEtcd(plane.access.discovery);
    await (value === undefined ? client.delete().key(key).exec() : client.put(key).value(value).exec());
    client.close();
  }

  /** What the controller would make. */
  async function makePods(service: string, generation: number, numbers: readonly number[], isUp = true) {
    for (const number of numbers) {
      const name = `${setName(service, generation)}-${number}`;
      const labels = { ...generationLabels(service, { generation }), [NUMBER_LABEL]: String(number) };
      const containers = [{ name: 'web', image: 'web:1' }];
      await api().core.createNamespacedPod({
        namespace: NAMESPACE,
        body: { metadata: { name, labels }, spec: { containers } },
      });
      const status = {
        phase: 'Running',
        conditions: [{ type: 'ContainersReady', status: isUp ? 'True' : 'False' }],
      };
      await api().core.patchNamespacedPodStatus({ name, namespace: NAMESPACE, body: { status } });
    }
  }
  const deletePods = async (service: string, generation: number) => {
    for (const { name } of await listPods(api(), service, generation))
      await api().core.deleteNamespacedPod({ name, namespace: NAMESPACE, gracePeriodSeconds: 0 });
  };
  const isWithdrawn = async (service: string, generation: number) =>
    (await listPods(api(), service, generation)).map((pod) => pod.isWithdrawn);

  test('a generation is made once, grows and never shrinks by growing; one of another operation is not touched', async () => {
    const input = { owner: someOwner('services/a/g1'), plan: planOf('a', 1, 1) };
    const ref = await generations().create(input);
    assert.deepEqual(await generations().create(input, { attempt: 2 }), ref);
    const grow = (to: number) =>
      inActivity(() => checks()['service.grow']({ service: 'a', generation: 1, to }));
    await grow(2);
    await grow(1);
    const set = await readSet(api(), 'a', 1);
    assert.deepEqual([set?.replicas, set?.first, set?.isWithdrawn], [2, 1, false]);
    const stranger = { ...input, owner: someOwner('services/a/g1') };
    await assert.rejects(generations().create(stranger), { type: 'ForeignResource' });
    await generations().delete(stranger);
    assert.ok(await readSet(api(), 'a', 1));
  });

  test('a generation goes only once others are announced, it is unknown to routers, and drained', async () => {
    const input = { owner: someOwner('services/b/g2'), plan: planOf('b', 2, 3, 2) };
    await generations().create(input);
    await inActivity(() => checks()['service.grow']({ service: 'b', generation: 2, to: 2 }));
    await makePods('b', 2, [3, 4]);
    await route('b', [1, 3, 4]);
    await assert.rejects(
      generations().delete(input),
      /waiting until 2 other instances of "b" are announced: 1 are/,
    );
    assert.deepEqual(await isWithdrawn('b', 2), [false, false]);
    await route('b', [1, 2, 3, 4], { revision: 1 });
    await assert.rejects(
      generations().delete(input),
      /waiting for routers: router of i-0b0 is at \d+, not yet/,
    );
    assert.deepEqual(await isWithdrawn('b', 2), [false, false]);
    await route('b', [1, 2, 3, 4]);
    await write('/projector/frozen/b', '{"since":"2026-01-01T00:00:00Z"}');
    await assert.rejects(generations().delete(input), /nothing changes while all presence of "b" is lost/);
    await write('/projector/frozen/b', undefined);
    await assert.rejects(generations().delete(input), /withdrawing b-g2/);
    assert.deepEqual(await isWithdrawn('b', 2), [true, true]);
    const isAnnounced = /waiting until instances of "b" are announced no longer/;
    await assert.rejects(generations().delete(input), isAnnounced);
    // A pod that the controller makes now is born withdrawn.
    const { spec: made } = await api().apps.readNamespacedStatefulSet({ name: 'b-g2', namespace: NAMESPACE });
    assert.ok(made?.template.metadata?.annotations?.[WITHDRAWN_ANNOTATION]);
    await route('b', [1, 2], { revision: 1, drained: 1 });
    await assert.rejects(generations().delete(input), /waiting for routers/);
    await route('b', [1, 2], { drained: 1 });
    await assert.rejects(generations().delete(input), /draining b-g2/);
    // An agent that was late has one announced once more: all begins again.
    await route('b', [1, 2, 3]);
    await assert.rejects(generations().delete(input), isAnnounced);
    await route('b', [1, 2], { drained: 1 });
    await assert.rejects(generations().delete(input), /draining b-g2$/);
    await assert.rejects(
      generations().delete(input),
      /draining b-g2 until .*: router of i-0b0 is at \d+, not yet/,
    );
    assert.equal((await readSet(api(), 'b', 2))?.isLeaving, false);
    await route('b', [1, 2]);
    await assert.rejects(generations().delete(input), { type: 'NotYet' });
    assert.equal((await readSet(api(), 'b', 2))?.isLeaving, true);
    await deletePods('b', 2);
  });

  test('old instances are withdrawn only when enough others are routed, and come back the same way', async () => {
    await generations().create({ owner: someOwner('services/c/g1'), plan: planOf('c', 1, 1) });
    await makePods('c', 1, [1, 2]);
    const plan = { ...{ service: 'c', generation: 1, first: 1, count: 2 }, keep: 2, announced: 2 };
    const input = { owner: someOwner('services/c/g1/withdrawal'), plan };
    await route('c', [1, 2, 3]);
    await assert.rejects(withdrawals().create(input), /waiting until 2 other instances/);
    await route('c', [1, 2, 3, 4]);
    await withdrawals().create(input);
    await withdrawals().create(input);
    assert.deepEqual(await isWithdrawn('c', 1), [true, true]);
    // One that was made meanwhile by hand, without the mark, is marked by a repeat.
    await makePods('c', 1, [9]);
    await withdrawals().create(input, { attempt: 2 });
    assert.deepEqual(await isWithdrawn('c', 1), [true, true, true]);
    await route('c', [3, 4]);
    await assert.rejects(withdrawals().delete(input), /waiting until 2 of c@1…2 are announced again: 0 are/);
    assert.deepEqual(await isWithdrawn('c', 1), [false, false, false]);
    await route('c', [1, 2, 3, 4], { revision: 1 });
    await assert.rejects(withdrawals().delete(input), /waiting for routers/);
    await route('c', [1, 2, 3, 4]);
    await withdrawals().delete(input);
    assert.deepEqual(await withdrawals().describe(input), []);
    await withdrawals().delete(input);
  });

  test('what is still announced is not stopped; what was stopped starts again before its undo is done', async () => {
    await generations().create({ owner: someOwner('services/d/g1'), plan: planOf('d', 1, 1) });
    await inActivity(() => checks()['service.grow']({ service: 'd', generation: 1, to: 2 }));
    await makePods('d', 1, [1, 2]);
    await route('d', [1, 2, 3, 4]);
    const input = {
      owner: someOwner('services/d/g1/stop'),
      plan: { ...{ service: 'd', generation: 1, first: 1, count: 2 }, up: 2 },
    };
    await assert.rejects(shrinks().create(input), /Cannot stop d@1, d@2: still announced/);
    const withdrawal = { ...{ service: 'd', generation: 1, first: 1, count: 2 }, keep: 2, announced: 2 };
    await withdrawals().create({ owner: someOwner('services/d/g1/withdrawal'), plan: withdrawal });
    await assert.rejects(shrinks().create(input), /still announced/);
    await route('d', [3, 4]);
    await shrinks().create(input);
    assert.equal((await readSet(api(), 'd', 1))?.replicas, 0);
    await deletePods('d', 1);
    await inActivity(() => checks()['service.stopped']({ service: 'd', generation: 1 }));
    await assert.rejects(shrinks().delete(input), /waiting until 2 of d@1…2 run again: 0 do/);
    assert.equal((await readSet(api(), 'd', 1))?.replicas, 2);
    await makePods('d', 1, [1, 2]);
    await shrinks().delete(input);
    assert.deepEqual(await shrinks().describe(input), []);
  });

  test('a budget is undone to what it was; somebody else’s is not touched', async () => {
    const budgets = effectRunner('disruption-budget', disruptionBudgetEffect(plane.access));
    const read = async () =>
      (await api().policy.readNamespacedPodDisruptionBudget({ name: 'e', namespace: NAMESPACE })).spec
        ?.minAvailable;
    const first = { owner: someOwner('services/e/budget'), plan: { service: 'e', minAvailable: 5 } };
    await budgets.create(first);
    await inActivity(() => checks()['service.settle']({ service: 'e', stopped: [], minAvailable: 5 }));
    const second = { owner: someOwner('services/e/budget'), plan: { service: 'e', minAvailable: 3 } };
    await budgets.create(second);
    await budgets.create(second);
    assert.equal(await read(), 3);
    await budgets.delete(second);
    await budgets.delete(second);
    assert.equal(await read(), 5);
    const other = {
      metadata: { name: 'f' },
      spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
    };
    await api().policy.createNamespacedPodDisruptionBudget({ namespace: NAMESPACE, body: other });
    const foreign = { owner: someOwner('services/f/budget'), plan: { service: 'f', minAvailable: 3 } };
    await assert.rejects(budgets.create(foreign), { type: 'ForeignResource' });
  });

  test('a definition is undone to what it was', async () => {
    const definitions = effectRunner('service-definition', serviceDefinitionEffect(plane.access));
    const look = async () => (await inActivity(() => checks()['service.look']({ service: 'g' }))).definition;
    const before = { scheme: 'http' as const, publicNames: [], port: 80 };
    const plan = { service: 'g', definition: { ...before, publicNames: ['www.example.com'] }, before };
    const first = { owner: someOwner('services/g/definition'), plan: { service: 'g', definition: before } };
    await definitions.create(first);
    assert.deepEqual(await look(), before);
    const change = { owner: someOwner('services/g/definition'), plan };
    await definitions.create(change);
    assert.deepEqual((await look())?.publicNames, ['www.example.com']);
    await definitions.delete(change);
    assert.deepEqual(await look(), before);
    await definitions.delete(first);
    assert.equal(await look(), undefined);
  });

  test('an image that nobody has, a container that keeps ending and autoscalers are named', async () => {
    await generations().create({ owner: someOwner('services/h/g1'), plan: planOf('h', 1, 1) });
    await makePods('h', 1, [1, 2], false);
    const waits = async (state: object, restartCount: number) => {
      const containerStatuses = [
        { name: 'web', image: 'web:1', imageID: '', ready: false, restartCount, state },
      ];
      await api().core.patchNamespacedPodStatus({
        name: 'h-g1-1',
        namespace: NAMESPACE,
        body: { status: { containerStatuses } },
      });
    };
    const running = (age = 0) =>
      inActivity(() => checks()['service.running']({ service: 'h', generation: 1, first: 1, count: 2 }), {
        age,
      });
    await waits({ waiting: { reason: 'ErrImagePull', message: 'not found' } }, 0);
    await assert.rejects(running(), { type: 'NotYet' });
    await assert.rejects(running(60_000), {
      type: 'GateFailed',
      message: 'h@1 cannot run: ErrImagePull: not found',
    });
    await waits({ waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } }, 3);
    await assert.rejects(running(), /h@1 cannot run: CrashLoopBackOff/);
    const scaler = {
      metadata: { name: 'h' },
      spec: { maxReplicas: 9, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'h-g1' } },
    };
    await api().autoscaling.createNamespacedHorizontalPodAutoscaler({ namespace: NAMESPACE, body: scaler });
    const found = await inActivity(() => checks()['service.look']({ service: 'h' }));
    assert.deepEqual([found.autoscalers, found.generations[0]?.count], [['h'], 0]);
  });
});
