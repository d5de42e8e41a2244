import { Context } from '@temporalio/activity';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { connectKubernetes, getPath, type KubernetesAccess } from '../cloud/kubernetes.ts';
import { orNoObject } from '../cloud/kubernetes-errors.ts';
import type { NoInput } from './account.ts';
import { asActivity } from '../failures.ts';
import { instanceOf, unreadiness } from '../cloud/nodes.ts';

const DELAY_MS = 1_000;
/** Leaders renew theirs every 2 s and lose it after 15 s. */
const FRESH_MS = 30_000;

export interface ApiServerCheck {
  readonly address?: string;
}

export interface NodeCheck {
  /** Name of the Node object; without it the node is looked for by its provider id. */
  readonly node?: string;
  readonly instanceId: string;
}

export const kubernetesChecks = (access: KubernetesAccess) => ({
  /**
   * Waits until the API server says of itself that it is ready; names the parts that are not. With an address it is
   * that director's, past the proxy.
   */
  'apiserver.ready': asActivity('check the API server', async ({ address }: ApiServerCheck) => {
    const server = address === undefined ? access.server : `https://${address}:6443`;
    const { status, body } = await getPath(
      { ...access, server },
      '/readyz?verbose',
      Context.current().cancellationSignal,
    );
    if (status === 401)
      throw new ZonewrightError('CloudRefused', 'Cannot check the API server: it answers 401');
    // One that has just started answers 403 until it has read who may do what.
    const failed = body.split('\n').filter((line) => line.startsWith('[-]'));
    if (status === 200 && failed.length === 0) return { server };
    const because = failed.length > 0 ? failed.join('; ') : `it answers ${status}`;
    throw new NotYet(`waiting until the API server is ready: ${because}`, DELAY_MS, { failed });
  }),

  /** Waits until controller manager and scheduler have a leader that is alive. */
  'components.ready': asActivity('check the control plane', async (_input: NoInput) => {
    const { coordination } = connectKubernetes(access, Context.current().cancellationSignal);
    const leaders = await Promise.all(
      ['kube-controller-manager', 'kube-scheduler'].map(async (name) => {
        const lease = await orNoObject(coordination.readNamespacedLease({ name, namespace: 'kube-system' }));
        const renewed = lease?.spec?.renewTime;
        const age = renewed ? Date.now() - new Date(renewed).getTime() : Infinity;
        return { name, holder: lease?.spec?.holderIdentity ?? '', isAlive: age < FRESH_MS };
      }),
    );
    const dead = leaders.filter(({ isAlive }) => !isAlive).map(({ name }) => name);
    if (dead.length > 0) throw new NotYet(`waiting for a leader of ${dead.join(', ')}`, DELAY_MS, { dead });
    return Object.fromEntries(leaders.map(({ name, holder }) => [name, holder]));
  }),

  /** Waits until the node of this very instance is ready. */
  'node.ready': asActivity('check node', async ({ node: name, instanceId }: NodeCheck) => {
    const { core } = connectKubernetes(access, Context.current().cancellationSignal);
    const node =
      name === undefined
        ? (await core.listNode()).items.find((one) => instanceOf(one) === instanceId)
        : await orNoObject(core.readNode({ name }));
    if (!node) throw new NotYet(`waiting for node "${name ?? instanceId}" to register`, DELAY_MS);
    if (instanceOf(node) !== instanceId) {
      throw new ZonewrightError(
        'GateFailed',
        `Node "${node.metadata?.name}" is of instance "${instanceOf(node) ?? 'none'}", expected "${instanceId}"`,
      );
    }
    const because = unreadiness(node);
    if (because !== undefined)
      throw new NotYet(`waiting for node "${node.metadata?.name}" to be ready: ${because}`, DELAY_MS);
    return { node: node.metadata?.name ?? '', uid: node.metadata?.uid ?? '' };
  }),
});
