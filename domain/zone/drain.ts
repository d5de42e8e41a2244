/** What a node carries and what keeps it there: pure, from what the API server says. */

export interface PodView {
  /** `<namespace>/<name>` */
  readonly pod: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Kind of the controller that makes it anew elsewhere; absent where nobody does. */
  readonly controller?: string;
  /** Made by the kubelet itself from a file: the API server cannot move it. */
  readonly mirror: boolean;
  /** True when it has ended: there is nothing to move. */
  readonly ended: boolean;
  /** True when it is being deleted. */
  readonly leaving: boolean;
  /** When it was withdrawn from the routers, ISO 8601. */
  readonly withdrawnAt?: string;
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface BudgetView {
  /** `<namespace>/<name>` */
  readonly budget: string;
  readonly selector: LabelSelector;
  readonly allowed: number;
  readonly healthy: number;
  readonly desired: number;
}

/** A pod that cannot be evicted now, and the budget that says so. */
export interface Blocked {
  readonly pod: string;
  readonly budget: string;
  /** "it needs 2 healthy pods and has 2" */
  readonly because: string;
}

export interface NodeLoad {
  /** Budgets that let none of their pods on this node go now; named first, wherever a load is shown. */
  readonly blocked: readonly Blocked[];
  /** Pods that are evicted. */
  readonly evict: readonly string[];
  /** Those of them that nobody makes anew elsewhere: they are lost. */
  readonly lost: readonly string[];
  /** Pods that stay until the machine goes: of DaemonSets, and of the kubelet itself. */
  readonly stay: readonly string[];
}

/** True for what a drain has to move. */
export const mustGo = ({ controller, mirror, ended }: PodView): boolean =>
  !mirror && !ended && controller !== 'DaemonSet';

export function loadOf(pods: readonly PodView[], budgets: readonly BudgetView[]): NodeLoad {
  const names = (some: readonly PodView[]) => some.map(({ pod }) => pod).toSorted();
  const moving = pods.filter(mustGo);
  return {
    blocked: moving.filter(({ leaving }) => !leaving).flatMap((pod) => blockedBy(pod, budgets) ?? []),
    evict: names(moving),
    lost: names(moving.filter(({ controller }) => controller === undefined)),
    stay: names(pods.filter((pod) => !mustGo(pod) && !pod.ended)),
  };
}

/** The first budget that lets the pod not go now. */
export function blockedBy(pod: PodView, budgets: readonly BudgetView[]): Blocked | undefined {
  const [budget] = budgetsOf(pod, budgets).filter(({ allowed }) => allowed <= 0);
  return budget && { pod: pod.pod, budget: budget.budget, because: needs(budget) };
}

export const needs = ({ desired, healthy }: Pick<BudgetView, 'desired' | 'healthy'>): string =>
  `it needs ${desired} healthy pods and has ${healthy}`;

const namespaceOf = (name: string): string => name.slice(0, name.indexOf('/'));

/** Budgets that count the pod. */
export const budgetsOf = (pod: PodView, budgets: readonly BudgetView[]): BudgetView[] =>
  budgets.filter(
    ({ budget, selector }) => namespaceOf(budget) === namespaceOf(pod.pod) && selects(selector, pod.labels),
  );

/** An empty selector selects everything, as policy/v1 has it. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    })
  );
}

/** The same for the same pods and budgets: tells whether what blocks has changed. */
export const blockedKey = (blocked: readonly Blocked[]): string =>
  blocked
    .map(({ pod, budget, because }) => `${pod} ${budget} ${because}`)
    .toSorted()
    .join('\n');

/** "default/web-1 is kept by budget default/web: it needs 2 healthy pods and has 2" for each, at most so many. */
export function blockedText(blocked: readonly Blocked[], most = 5): string {
  const said = blocked
    .slice(0, most)
    .map(({ pod, budget, because }) => `${pod} is kept by budget ${budget}: ${because}`);
  const more = blocked.length - said.length;
  return [...said, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
