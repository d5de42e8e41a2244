import type { V1Node, V1Pod } from '@kubernetes/client-node';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { nodeChecks, type Drain } from '../../activities/checks/nodes.ts';
import { connectKubernetes } from '../../activities/cloud/kubernetes.ts';
import { nodeCordonEffect } from '../../activities/node-cordon.ts';
import { nodeOutOfServiceEffect } from '../../activities/node-out-of-service.ts';
import { nodeWithdrawalEffect } from '../../activities/node-withdrawal.ts';
import { nodeEffect } from '../../activities/node.ts';
import { OUT_OF_SERVICE } from '../../domain/resources/node-out-of-service.ts';
import { SERVICE_LABEL, WITHDRAWN_ANNOTATION } from '../../domain/discovery/values.ts';
import { blockedKey } from '../../domain/zone/drain.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { effectRunner, inActivity, SETTINGS, someOwner, untilSettled } from './run-effect.ts';

const INSTANCE = 'i-0123456789abcdef0';
const NODE = `${INSTANCE}.worker.zone.local`;
const plan = { node: NODE, instanceId: INSTANCE };
const namespace = 'default';
const signal = new AbortController().signal;

suite('draining a node', () => {
  let plane: ControlPlane;
  let uid = '';
  before(async () => {
    plane = await startControlPlane();
    uid = await untilSettled(async () => (await makeNode()).metadata?.uid ?? '').catch(async () => {
      throw new Error('The API server takes no node');
    });
  });
  after(() => plane.stop());

  const access = () => plane.access.kubernetes;
  const api = () => connectKubernetes(access(), signal);
  const checks = () => nodeChecks(access());
  const look = () => inActivity(() => checks()['node.look'](plan));
  const makeNode = async (): Promise<V1Node> => {
    try {
      const spec = { providerID: `aws:///us-east-1a/${INSTANCE}` };
      return await api().core.createNode({ body: { metadata: { name: NODE }, spec } });
    } catch {
      throw Object.assign(new Error('not yet'), { type: 'NotYet' });
    }
  };
  const readNode = () => api().core.readNode({ name: NODE });

  test('only the Node object of the very instance is waited for and deleted', async () => {
    const node = effectRunner('node', nodeEffect(access(), SETTINGS));
    const input = { owner: someOwner('node'), plan };
    assert.deepEqual(await node.create(input), { id: uid });
    const other = { ...input, plan: { ...plan, instanceId: 'i-0fffffffffffffff0' } };
    await assert.rejects(node.create(other), { type: 'ForeignResource' });
    await node.delete(other);
    assert.equal((await readNode()).metadata?.uid, uid);
    const absent = { ...input, plan: { node: 'i-0a.worker.zone.local', instanceId: 'i-0a' } };
    await assert.rejects(node.create(absent), /waiting for node "i-0a.worker.zone.local" to register/);
    await node.delete(absent);
  });

  test('a cordon is undone by who made it, and leaves a node cordoned that was so before', async () => {
    const cordon = effectRunner('node-cordon', nodeCordonEffect(access(), SETTINGS));
    const mine = { owner: someOwner('cordon'), plan };
    const theirs = { owner: someOwner('cordon'), plan };
    const isCordoned = async () => (await readNode()).spec?.unschedulable === true;
    await cordon.create(mine);
    await cordon.create(mine);
    assert.equal(await isCordoned(), true);
    await cordon.delete(theirs);
    assert.equal(await isCordoned(), true);
    await cordon.delete(mine);
    await cordon.delete(mine);
    assert.equal(await isCordoned(), false);
    await api().core.patchNode({ name: NODE, body: { spec: { unschedulable: true } } });
    await cordon.create(mine);
    await cordon.delete(mine);
    assert.equal(await isCordoned(), true);
    await api().core.patchNode({ name: NODE, body: { spec: { unschedulable: null } } });
  });

  test('an out-of-service taint comes and goes, beside the others', async () => {
    const off = effectRunner('node-out-of-service', nodeOutOfServiceEffect(access(), SETTINGS));
    const input = { owner: someOwner('off'), plan };
    const taints = async () => (await readNode()).spec?.taints?.map(({ key }) => key) ?? [];
    const others = await taints();
    await off.create(input);
    await off.create(input);
    assert.deepEqual((await taints()).toSorted(), [...others, OUT_OF_SERVICE].toSorted());
    await off.delete(input);
    await off.delete(input);
    assert.deepEqual(await taints(), others);
  });

  test('budgets are named first, services are withdrawn as far as they allow, evictions wait for them', async () => {
    await makePod('web-1', { app: 'web', [SERVICE_LABEL]: 'web' });
    await makePod('web-2', { app: 'web', [SERVICE_LABEL]: 'web' });
    await makePod('alone', {}, false);
    await makeBudget(1);
    assert.deepEqual(await look(), {
      uid,
      ...{ ready: false, cordoned: false, blocked: [] },
      evict: ['default/alone', 'default/web-1', 'default/web-2'],
      ...{ lost: ['default/alone'], stay: [] },
    });
    const withdrawal = effectRunner('node-withdrawal', nodeWithdrawalEffect(access()));
    const input = { owner: someOwner('withdrawal'), plan };
    await withdrawal.create(input);
    const withdrawn = async () =>
      (await api().core.listNamespacedPod({ namespace })).items
        .filter(({ metadata }) =>
          metadata?.annotations?.[WITHDRAWN_ANNOTATION]?.startsWith(`${input.owner.operation}@`),
        )
        .map(({ metadata }) => metadata?.name ?? '');
    const [first = '', ...more] = await withdrawn();
    assert.ok(['web-1', 'web-2'].includes(first) && more.length === 0, `withdrawn: ${first} ${more}`);
    await withdrawal.delete(input);
    await withdrawal.delete(input);
    assert.deepEqual(await withdrawn(), []);
    await allow(0);
    assert.equal((await look()).blocked.length, 2);
  });

  test('a drain tells what blocks when it changes, and deletes without asking budgets when told to', async () => {
    const drain = (changes: Partial<Drain> = {}) =>
      inActivity(() =>
        checks()['node.drain']({
          ...{ ...plan, uid, operation: 'remove-it.1', known: { ready: false, blocked: '' } },
          ...changes,
        }),
      );
    const told = await drain();
    assert.equal(told.state, 'changed');
    assert.deepEqual(
      told.blocked.map(({ pod, budget }) => `${pod} ${budget}`).toSorted(),
      ['web-1', 'web-2'].map((name) => `default/${name} default/web`),
    );
    // Nothing is known to change: the caller is not bothered.
    const known = { ready: false, blocked: blockedKey(told.blocked) };
    await assert.rejects(drain({ known }), { type: 'NotYet' });
    // A plain pod is gone at the first time, since the API server has no kubelet to ask.
    assert.deepEqual((await look()).lost, []);
    assert.deepEqual(await drain({ uid: 'of-another' }), { state: 'gone', ready: false, blocked: [] });
    await untilSettled(async () => {
      const end = await drain({ known, skipBudgets: true });
      if (end.state !== 'empty') throw Object.assign(new Error(end.state), { type: 'NotYet' });
    });
    assert.deepEqual((await look()).evict, []);
    await inActivity(() => checks()['node.empty'](plan));
  });

  /** A pod that runs and is ready, as its kubelet would say; it has no grace, so nobody has to confirm its end. */
  async function makePod(name: string, labels: Record<string, string>, owned = true): Promise<void> {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true };
    const body: V1Pod = {
      metadata: { name, labels, ...(owned ? { ownerReferences: [owner] } : {}) },
      spec: {
        nodeName: NODE,
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        containers: [{ name: 'c', image: 'i' }],
      },
    };
    await api().core.createNamespacedPod({ namespace, body });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await api().core.patchNamespacedPodStatus({ name, namespace, body: { status } });
  }

  async function makeBudget(allowed: number): Promise<void> {
    const selector = { matchLabels: { app: 'web' } };
    const body = { metadata: { name: 'web' }, spec: { minAvailable: 1, selector } };
    await api().policy.createNamespacedPodDisruptionBudget({ namespace, body });
    await allow(allowed);
  }

  /** What the controller would write: here is none. */
  async function allow(disruptionsAllowed: number): Promise<void> {
    const counts = { currentHealthy: 1 + disruptionsAllowed, desiredHealthy: 1, expectedPods: 2 };
    const status = { observedGeneration: 1, disruptionsAllowed, ...counts };
    await api().policy.patchNamespacedPodDisruptionBudgetStatus({ name: 'web', namespace, body: { status } });
  }
});
