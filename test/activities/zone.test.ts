import { V1MicroTime, type V1Node } from '@kubernetes/client-node';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { etcdChecks } from '../../activities/checks/etcd.ts';
import { kubernetesChecks } from '../../activities/checks/kubernetes.ts';
import { podChecks } from '../../activities/checks/pods.ts';
import { connectKubernetes } from '../../activities/cloud/kubernetes.ts';
import { nodeAdmissionEffect } from '../../activities/node-admission.ts';
import { JOINING_TAINT } from '../../domain/resources/node-admission.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { effectRunner, inActivity, SETTINGS, someOwner, untilSettled } from './run-effect.ts';

const INSTANCE = 'i-0123456789abcdef0';
const NODE = `${INSTANCE}.worker.zone.local`;
const signal = new AbortController().signal;

suite('what the worker of a zone does', () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
  });
  after(() => plane.stop());

  const api = () => connectKubernetes(plane.access.kubernetes, signal);
  const checks = () => kubernetesChecks(plane.access.kubernetes);

  test('etcd is asked until it takes a write and gives it back; another size is waited for', async () => {
    const health = (members?: number) =>
      inActivity(() =>
        etcdChecks(plane.access.etcd)['etcd.health'](members === undefined ? {} : { members }),
      );
    const { members } = await untilSettled(() => health(1));
    assert.deepEqual(
      members.map(({ name, isLearner }) => [name, isLearner]),
      [['director-0', false]],
    );
    assert.deepEqual(await health(), { members });
    await assert.rejects(health(3), /1 of 3 have started/);
    const nobody = { ...plane.access.etcd, endpoints: ['https://127.0.0.1:1'] };
    await assert.rejects(
      inActivity(() => etcdChecks(nobody)['etcd.health']({})),
      { type: 'NotYet' },
    );
  });

  test('the API server is waited for; who is not known to it is refused', async () => {
    const ready = (access = plane.access.kubernetes) =>
      inActivity(() => kubernetesChecks(access)['apiserver.ready']({}));
    await untilSettled(() => ready());
    const nobody = { ...plane.access.kubernetes, server: 'https://127.0.0.1:1' };
    await assert.rejects(ready(nobody), { type: 'CloudUnavailable' });
  });

  test('controllers need leaders that are alive', async () => {
    const ready = () => inActivity(() => checks()['components.ready']({}));
    await assert.rejects(ready(), /waiting for a leader of kube-controller-manager, kube-scheduler/);
    const lease = (name: string, age: number) => ({
      metadata: { name },
      spec: { holderIdentity: `${name}-0`, renewTime: new V1MicroTime(new Date(Date.now() - age)) },
    });
    const put = (name: string, age: number) =>
      api().coordination.createNamespacedLease({ namespace: 'kube-system', body: lease(name, age) });
    await put('kube-controller-manager', 1_000);
    await put('kube-scheduler', 60_000);
    await assert.rejects(ready(), /waiting for a leader of kube-scheduler$/);
    await api().coordination.deleteNamespacedLease({ name: 'kube-scheduler', namespace: 'kube-system' });
    await put('kube-scheduler', 1_000);
    assert.deepEqual(await ready(), {
      'kube-controller-manager': 'kube-controller-manager-0',
      'kube-scheduler': 'kube-scheduler-0',
    });
  });

  test('a node is admitted once it is ready, and only that of the very instance', async () => {
    const effect = nodeAdmissionEffect(plane.access.kubernetes, SETTINGS);
    const admission = effectRunner('node-admission', effect);
    const plan = { node: NODE, instanceId: INSTANCE, labels: { 'zonewright.dev/pool': 'general' } };
    const input = { owner: someOwner('admission'), plan };
    const ready = () => inActivity(() => checks()['node.ready']({ instanceId: INSTANCE }));
    await assert.rejects(admission.create(input), /waiting for node ".*" to register/);
    await assert.rejects(ready(), /waiting for node "i-0123456789abcdef0" to register/);
    const other = { key: 'example.com/gpu', effect: 'NoSchedule' };
    const body: V1Node = {
      metadata: { name: NODE },
      spec: {
        providerID: `aws:///us-east-1a/${INSTANCE}`,
        taints: [{ key: JOINING_TAINT, effect: 'NoSchedule' }, other],
      },
    };
    await api().core.createNode({ body });
    await assert.rejects(admission.create(input), /to be ready: it has not reported yet/);
    await report('False', 'KubeletNotReady', 'cni plugin not initialized');
    await assert.rejects(ready(), /KubeletNotReady: cni plugin not initialized/);
    await report('True', 'KubeletReady', 'kubelet is posting ready status');
    const ref = await admission.create(input);
    assert.deepEqual(await admission.create(input), ref);
    assert.deepEqual(await ready(), { node: NODE, uid: ref.id });
    const admitted = await api().core.readNode({ name: NODE });
    assert.equal(admitted.metadata?.labels?.['zonewright.dev/pool'], 'general');
    assert.deepEqual(taintsOf(admitted), [other.key]);
    const stranger = { ...input, plan: { ...plan, instanceId: 'i-0fffffffffffffff0' } };
    await assert.rejects(admission.create(stranger), { type: 'ForeignResource' });
    await admission.delete(stranger);
    assert.equal((await admission.describe(input)).length, 1);
    await admission.delete(input);
    await admission.delete(input);
    const taken = await api().core.readNode({ name: NODE });
    assert.deepEqual(taintsOf(taken), [other.key, JOINING_TAINT]);
    assert.equal(taken.metadata?.labels?.['zonewright.dev/pool'], undefined);
    await api().core.deleteNode({ name: NODE });
    await admission.delete(input);
  });

  test('a pod must answer with what it was given', async () => {
    const [server, port] = await serve();
    const check = podChecks(plane.access.kubernetes, port);
    const answers = () => inActivity(() => check['pod.answers']({ name: 'health-1' }));
    try {
      await assert.rejects(answers(), /waiting for pod "health-1" to be scheduled/);
      await assert.rejects(answers(), /waiting for pod "health-1" to run: Pending/);
      const { metadata } = await api().core.readNamespacedPod({ name: 'health-1', namespace: 'default' });
      await api().core.patchNamespacedPodStatus({
        name: 'health-1',
        namespace: 'default',
        body: { status: { phase: 'Running', podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] } },
      });
      await assert.rejects(answers(), /answered something else than it was given/);
      said = metadata?.annotations?.['zonewright.dev/nonce'] ?? '';
      assert.equal(said.length, 64);
      const answer = { pod: 'health-1', node: '', address: '127.0.0.1' };
      assert.deepEqual(await answers(), answer);
      assert.deepEqual(await answers(), answer);
      await inActivity(() => check['pod.remove']({ name: 'health-1' }));
      await inActivity(() => check['pod.remove']({ name: 'health-1' }));
      await assert.rejects(answers(), { type: 'NotYet' });
    } finally {
      server.close();
    }
  });

  let said = 'something else';
  async function serve(): Promise<[Server, number]> {
    const server = createServer((_request, response) => response.end(`${said}\n`)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return [server, (server.address() as AddressInfo).port];
  }

  const report = (status: string, reason: string, message: string) =>
    api().core.patchNodeStatus({
      name: NODE,
      body: { status: { conditions: [{ type: 'Ready', status, reason, message }] } },
    });
});

/** Without those that Kubernetes itself puts on nodes. */
const taintsOf = (node: V1Node): string[] =>
  (node.spec?.taints ?? [])
    .map(({ key }) => key)
    .filter((key) => !key.startsWith('node.kubernetes.io/'))
    .toSorted();
