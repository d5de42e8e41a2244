import type { V1Pod } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import {
  blockedBy,
  blockedKey,
  loadOf,
  mustGo,
  type Blocked,
  type BudgetView,
  type NodeLoad,
} from '../../domain/zone/drain.ts';
import { connectKubernetes, type KubernetesAccess } from '../cloud/kubernetes.ts';
import { kubernetesStatus, refusalCauses } from '../cloud/kubernetes-errors.ts';
import {
  budgetsOfZone,
  isOfService,
  podsOn,
  podView,
  readNodeOf,
  uidOf,
  unreadiness,
  withdrawnBy,
  type NodePlan,
} from '../cloud/nodes.ts';
import type { NoInput } from './account.ts';
import { asActivity } from '../failures.ts';
import { withdrawAllowed } from '../withdraw-allowed.ts';

export interface NodeSeen extends NodeLoad {
  /** Uid of the Node object; absent where Kubernetes knows no node of this instance. */
  readonly uid?: string;
  readonly ready: boolean;
  /** True when it was cordoned before. */
  readonly cordoned: boolean;
}

export interface Drain extends NodePlan {
  /** Under whose name services are withdrawn. */
  readonly operation: string;
  /** The very Node object that was looked at first. */
  readonly uid: string;
  /** What the caller knows already: it is answered when something else is so. */
  readonly known: { readonly ready: boolean; readonly blocked: string };
  /** Deletes pods instead of evicting them: no budget is asked. */
  readonly skipBudgets?: boolean;
}

export interface Drained {
  /** `empty`: nothing is left to move. `gone`: the node itself is. `changed`: what blocks is not what was known. */
  readonly state: 'empty' | 'gone' | 'changed';
  readonly ready: boolean;
  readonly blocked: readonly Blocked[];
}

const DELAY_MS = 1_000;
/** Routers hear of a withdrawal by then and have loaded it; a withdrawn pod serves until it is evicted. */
const WITHDRAWAL_MS = 5_000;

export const nodeChecks = (access: KubernetesAccess) => {
  const signalOf = () => Context.current().cancellationSignal;
  return {
    /** What a node carries, and which disruption budgets will keep it there. */
    'node.look': asActivity('look at the node', async (plan: NodePlan): Promise<NodeSeen> => {
      const signal = signalOf();
      const [node, pods, budgets] = await Promise.all([
        readNodeOf(access, plan, signal),
        podsOn(access, plan.node, signal),
        budgetsOfZone(access, signal),
      ]);
      return {
        ...(node === undefined ? {} : { uid: uidOf(node) }),
        ready: node !== undefined && unreadiness(node) === undefined,
        cordoned: node?.spec?.unschedulable === true,
        ...loadOf(pods.map(podView), budgets),
      };
    }),

    /** Names of all nodes that the API server knows. */
    'nodes.list': asActivity('list nodes', async (_input: NoInput): Promise<readonly string[]> => {
      const { items } = await connectKubernetes(access, signalOf()).core.listNode();
      return items.map(({ metadata }) => metadata?.name ?? '');
    }),

    /**
     * Moves what must go from a node: services withdrawn first, then evicted, as their budgets allow. Waits as long as
     * nothing changes; answers when the node is empty or gone, or when other pods than known are blocked.
     */
    'node.drain': asActivity('drain the node', async (drain: Drain): Promise<Drained> => {
      const signal = signalOf();
      const node = await readNodeOf(access, drain, signal);
      if (!node || uidOf(node) !== drain.uid) return { state: 'gone', ready: false, blocked: [] };
      if (drain.skipBudgets !== true) await withdrawAllowed(access, drain.node, drain.operation, signal);
      const pods = (await podsOn(access, drain.node, signal)).filter((pod) => mustGo(podView(pod)));
      const ready = unreadiness(node) === undefined;
      if (pods.length === 0) return { state: 'empty', ready, blocked: [] };
      const budgets = await budgetsOfZone(access, signal);
      const blocked: Blocked[] = [];
      for (const pod of pods) blocked.push(...(await moveOn(access, pod, drain, budgets, signal)));
      if (ready !== drain.known.ready || blockedKey(blocked) !== drain.known.blocked)
        return { state: 'changed', ready, blocked };
      throw new NotYet(`waiting for ${pods.length} pods to leave node "${drain.node}"`, DELAY_MS);
    }),

    /** Waits until nothing that must go is left on a node whose machine is off. */
    'node.empty': asActivity('wait for the node', async (plan: NodePlan) => {
      const pods = (await podsOn(access, plan.node, signalOf())).map(podView).filter(mustGo);
      if (pods.length === 0) return;
      throw new NotYet(`waiting until ${pods.map(({ pod }) => pod).join(', ')} are taken away`, DELAY_MS);
    }),
  };
};

/** Asks one pod to go. Answers what keeps it. */
async function moveOn(
  access: KubernetesAccess,
  pod: V1Pod,
  { skipBudgets, operation }: Drain,
  budgets: readonly BudgetView[],
  signal: AbortSignal,
): Promise<Blocked[]> {
  const view = podView(pod);
  if (view.leaving) return [];
  const { name = '', namespace = '' } = pod.metadata ?? {};
  const { core } = connectKubernetes(access, signal);
  const preconditions = { uid: view.uid };
  try {
    if (skipBudgets === true) {
      await core.deleteNamespacedPod({ name, namespace, body: { preconditions } });
      return [];
    }
    if (isOfService(pod) && !isWithdrawn(pod, operation)) return [blockedBy(view, budgets) ?? []].flat();
    const body = { metadata: { name, namespace }, deleteOptions: { preconditions } };
    await core.createNamespacedPodEviction({ name, namespace, body });
    return [];
  } catch (error) {
    return [refusal(view.pod, error, blockedBy(view, budgets))].flat();
  }
}

/** Withdrawn long enough for routers to know it. One that another operation withdrew is no more ours to wait for. */
function isWithdrawn(pod: V1Pod, operation: string): boolean {
  const by = withdrawnBy(pod);
  if (by === undefined) return false;
  const { withdrawnAt = '' } = podView(pod);
  return by !== operation || Date.now() - Date.parse(withdrawnAt) >= WITHDRAWAL_MS;
}

/** What a refused eviction says: 429 names the budget; gone meanwhile is no refusal. */
function refusal(pod: string, error: unknown, known: Blocked | undefined): Blocked | [] {
  const status = kubernetesStatus(error);
  // Gone, or another pod of this name: the next look sees it.
  if (status === 404 || status === 409) return [];
  if (status !== 429) throw error;
  const cause = refusalCauses(error).find(({ reason }) => reason === 'DisruptionBudget');
  // 429 without a budget is the API server that has too much to do.
  if (!cause) throw new ZonewrightError('CloudUnavailable', `Cannot evict pod "${pod}"`, { cause: error });
  return known ?? { pod, budget: 'of its namespace', because: cause.message };
}
