import { nodeName } from '../domain/pki/facts.ts';
import type { DelegationGate, HealthGate, ZonePlan } from '../domain/zone/plan.ts';
import type { Operation } from './operation.ts';
import type { Refs } from './steps.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Waits until the world finds the zone's name servers; days, if a person has to add the records. */
export async function delegated(operation: Operation, plan: ZonePlan, refs: Refs): Promise<void> {
  for (const gate of plan.gates.filter((one): one is DelegationGate => one.gate === 'delegation')) {
    const nameServers = textsOf(refs, gate.nameServersOf, 'nameServers');
    await operation.waitFor(
      'dns.delegated',
      { domain: gate.domain, nameServers },
      {
        what: gate.byHand
          ? `somebody to add NS records of ${gate.domain} to ${gate.parent}: ${nameServers.join(', ')}`
          : `${gate.parent} to delegate ${gate.domain}`,
        giveUpMs: 7 * DAY,
        progressMs: 15 * MINUTE,
      },
    );
  }
}

/** The image that every zone's machines carry; it holds a small HTTP server. */
const PROBE_IMAGE = 'zonewright.dev/busybox:1';

/** Real requests, from inside the zone: etcd, API server, controllers, nodes, the router, and a pod that answers. */
export async function deepHealth(operation: Operation, plan: ZonePlan, refs: Refs) {
  const { zone, hash, gates } = plan;
  const gate = gates.find((one): one is HealthGate => one.gate === 'health');
  const waiting = (what: string) => ({ what, giveUpMs: 30 * MINUTE, progressMs: 5 * MINUTE, zone });
  const members = gate?.etcdEndpoints.length ?? 1;
  await operation.waitFor('etcd.health', { members }, waiting('etcd to take and give back a value'));
  await operation.waitFor('apiserver.ready', {}, waiting('the API server to be ready'));
  await operation.waitFor('components.ready', {}, waiting('controller-manager and scheduler'));
  for (const step of gate?.nodes ?? []) {
    const instanceId = refs.get(step)?.id ?? '';
    const node = nodeName({ instanceId, role: 'worker' });
    await operation.waitFor('node.ready', { node, instanceId }, waiting(`node ${node} to be ready`));
  }
  await operation.waitFor('discovery.loaded', { revision: 0 }, waiting('the router to answer'));
  const probe = { name: `health-${hash.slice(0, 8)}`, image: PROBE_IMAGE };
  const answered = await operation.waitFor('pod.answers', probe, waiting('a pod to answer'));
  await operation.check('pod.remove', { name: probe.name }, 'removing the pod that answered', zone);
  return answered;
}

function textsOf(refs: Refs, step: string, field: string): string[] {
  const value = refs.get(step)?.[field];
  return Array.isArray(value) ? value.map(String) : [];
}
