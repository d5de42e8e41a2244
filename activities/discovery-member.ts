import type { Etcd3 } from 'etcd3';
import { nodeUser, projectorUser, routerUser, type DiscoveryUser } from '../domain/discovery/access.ts';
import { borderKey, memberKey, nodePrefix, routerKey } from '../domain/discovery/keys.ts';
import { borderSchema, memberSchema } from '../domain/discovery/values.ts';
import { nodeName } from '../domain/pki/facts.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { ensureUser, removeUser, withDiscovery } from './cloud/discovery.ts';
import type { EtcdAccess } from './cloud/etcd.ts';
import { differences } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

type Plan = PlanOf<'discovery-member'>;

/**
 * The key that makes a machine a member, and the users of its agents. Repeats find the key by the instance's id, which
 * is in its name, and make the users that are missing.
 */
export function discoveryMemberEffect(access: EtcdAccess): Effect<Plan, RefOf<'discovery-member'>> {
  return {
    async describe(plan) {
      const { key, value } = memberOf(plan);
      const stored = await withDiscovery(access, (client) => client.get(key).string());
      if (stored === null) return [];
      const mismatch = differences({ value: [stored, value] });
      return [{ ref: { id: key }, owned: true, attempt: 0, mismatch }];
    },

    async create(plan) {
      const { key, value } = memberOf(plan);
      await withDiscovery(access, (client) => client.put(key).value(value).exec());
      return { id: key };
    },

    async complete(ref, plan) {
      await withDiscovery(access, async (client) => {
        for (const user of memberOf(plan).users) await ensureUser(client, user);
      });
      return ref;
    },

    async remove(ref, plan) {
      await withDiscovery(access, async (client) => {
        if (plan !== undefined) await removeTraces(client, plan);
        // Last: a repeat finds what is left by it.
        await client.delete().key(ref.id).exec();
      });
    },

    leftovers: 'with its parent',
  };
}

/** What of a member is in the discovery etcd. */
function memberOf({ machine, instanceId, podCidr, withheld }: Plan): {
  readonly key: string;
  readonly value: string;
  readonly users: readonly DiscoveryUser[];
} {
  if (podCidr === undefined) {
    const value = JSON.stringify(borderSchema.parse({ name: machine }));
    const router = withheld === 'router' ? [] : [routerUser(instanceId)];
    return { key: borderKey(instanceId), value, users: [projectorUser(instanceId), ...router] };
  }
  const node = nodeName({ instanceId, role: 'worker' });
  const value = JSON.stringify(memberSchema.parse({ podCidr, instanceId, name: machine }));
  return { key: memberKey(node), value, users: [nodeUser(node)] };
}

async function removeTraces(client: Etcd3, plan: Plan): Promise<void> {
  // Users first, so that nothing is written again behind our back.
  for (const user of memberOf(plan).users) await removeUser(client, user);
  if (plan.podCidr === undefined) await client.delete().key(routerKey(plan.instanceId)).exec();
  else
    await client
      .delete()
      .prefix(nodePrefix(nodeName({ instanceId: plan.instanceId, role: 'worker' })))
      .exec();
}
