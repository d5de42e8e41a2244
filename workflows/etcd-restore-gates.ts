import { nodeName } from '../domain/pki/facts.ts';
import { instanceStep } from '../domain/zone/machine-steps.ts';
import { manifestKey, refsOf } from '../domain/zone/manifest.ts';
import type { RestorePlan } from '../domain/zone/restore.ts';
import type { Operation } from './operation.ts';

const MINUTE = 60_000;

/** Real answers, from etcd up to a pod, by the way that everybody takes. */
export async function zoneWorks(
  operation: Operation,
  { zone, bucket }: { readonly zone: string; readonly bucket: string },
  { machine, snapshot, hash }: RestorePlan,
  { mark, seed }: { readonly mark: string | undefined; readonly seed: (() => Promise<void>) | undefined },
) {
  const waiting = (what: string) => ({ what, giveUpMs: 30 * MINUTE, progressMs: 5 * MINUTE, zone });
  const name = { bucket, key: manifestKey(zone) };
  await operation.waitFor(
    'etcd.health',
    { members: 1 },
    waiting('the restored etcd to take and give back a value'),
  );
  const restored = {
    nonce: snapshot.nonce,
    servers: [machine.privateIp],
    ...(mark === undefined ? {} : { mark }),
  };
  const found = await operation.waitFor(
    'etcd.restored',
    restored,
    waiting('the restored etcd to hold what it must'),
  );
  await seed?.();
  await operation.waitFor('apiserver.ready', {}, waiting('the API server to be ready'));
  await operation.waitFor('components.ready', {}, waiting('controller-manager and scheduler'));
  const { machines } = await operation.check('manifest.about', name, 'reading the manifest');
  const workers = machines.filter((one) => one.startsWith('worker-')).map(instanceStep);
  const instances = await operation.check(
    'manifest.parts',
    { ...name, steps: workers },
    'reading its workers',
  );
  for (const { id: instanceId } of refsOf(instances).values()) {
    const node = nodeName({ instanceId, role: 'worker' });
    await operation.waitFor('node.ready', { node, instanceId }, waiting(`node ${node} to be ready`));
  }
  const probe = { name: `restore-${hash.slice(0, 8)}` };
  await operation.waitFor('pod.answers', probe, waiting('a pod to answer'));
  await operation.check('pod.remove', probe, 'removing the pod that answered', zone);
  return found;
}
