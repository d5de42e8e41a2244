import type { RestorePlan } from '../domain/zone/restore.ts';
import { workersJoinAgain } from './etcd-restore-workers.ts';
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
  await workersJoinAgain(operation, { zone, bucket }, waiting);
  const probe = { name: `restore-${hash.slice(0, 8)}` };
  await operation.waitFor('pod.answers', probe, waiting('a pod to answer'));
  await operation.check('pod.remove', probe, 'removing the pod that answered', zone);
  return found;
}
