/**
 * A zone whose API server and etcd are real and whose controllers, nodes, projector and router are not: a loop plays
 * them, late and one after the other, and notes every moment in which a request could have been lost.
 */
import type { V1Pod, V1StatefulSet } from '@kubernetes/client-node';
import type { Etcd3 } from 'etcd3';
import { openEtcd } from '../../activities/cloud/etcd.ts';
import { connectKubernetes } from '../../activities/cloud/kubernetes.ts';
import { NUMBER_LABEL, SERVICE_LABEL, WITHDRAWN_ANNOTATION } from '../../domain/discovery/values.ts';
import { NAMESPACE } from '../../domain/services/objects.ts';
import type { ControlPlane } from '../activities/control-plane.ts';

const TICK_MS = 150;
const START_MS = 300;
const LOAD_MS = 200;
const DRAIN_MS = 2_500;
const BORDER = 'i-0b0';

type Hosts = ReadonlyMap<string, string>;

/** A process of the router: it sends requests to its hosts until it has ended. */
interface Process {
  readonly revision: number;
  /** Uid of the pod by `service/number`. */
  readonly hosts: Hosts;
  readonly loadedAt: number;
  endsAt: number;
}

export class ModelZone {
  /** Requests that could have been lost, in words. */
  readonly losses: string[] = [];
  /** Fewest instances that the router's newest process knew of, by service, since it first knew one. */
  readonly fewest = new Map<string, number>();
  /** Services whose presence is lost. */
  readonly silent = new Set<string>();
  /** True for pods that never get well. */
  isBad: (pod: V1Pod) => boolean = () => false;
  readonly #plane: ControlPlane;
  readonly #processes: Process[] = [];
  #pending: { readonly revision: number; readonly hosts: Hosts; readonly at: number }[] = [];
  #projected = '';
  #isStopping = false;
  #loop: Promise<void> = Promise.resolve();
  #etcd: Etcd3 | undefined;

  constructor(plane: ControlPlane) {
    this.#plane = plane;
  }

  async start(): Promise<void> {
    await connectKubernetes(this.#plane.access.kubernetes, AbortSignal.timeout(5_000)).core.readNamespace({
      name: NAMESPACE,
    });
    this.#etcd = await openEtcd(this.#plane.access.discovery);
    await this.#client().put(`/borders/${BORDER}`).value('{"name":"border-0"}');
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    this.#etcd?.close();
  }

  /** Numbers that the router knows of a service. */
  routed(service: string): number[] {
    return numbersIn(this.#processes.at(-1)?.hosts ?? new Map(), service);
  }

  #client(): Etcd3 {
    if (!this.#etcd) throw new Error('Cannot use the model before it was started');
    return this.#etcd;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        const pods = await this.#control();
        await this.#project(pods);
        await this.#route();
        this.#look(pods);
      } catch (error) {
        if (!this.#isStopping) this.losses.push(`the model itself failed: ${(error as Error).message}`);
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  /** What controller manager and kubelets do. */
  async #control(): Promise<readonly V1Pod[]> {
    const { core, apps } = connectKubernetes(this.#plane.access.kubernetes, new AbortController().signal);
    const sets = (await apps.listNamespacedStatefulSet({ namespace: NAMESPACE })).items;
    const pods = (await core.listNamespacedPod({ namespace: NAMESPACE })).items;
    for (const set of sets) {
      const mine = pods.filter(({ metadata }) => metadata?.name?.startsWith(`${set.metadata?.name}-`));
      const wanted = set.metadata?.deletionTimestamp ? [] : numbersOfSet(set);
      for (const pod of mine.filter((one) => !wanted.includes(numberOf(one))))
        await core.deleteNamespacedPod({
          name: pod.metadata?.name ?? '',
          namespace: NAMESPACE,
          gracePeriodSeconds: 0,
        });
      for (const number of wanted.filter((one) => !mine.some((pod) => numberOf(pod) === one)))
        await core.createNamespacedPod({ namespace: NAMESPACE, body: podOf(set, number) });
      if (set.metadata?.deletionTimestamp && mine.length === 0)
        await apps.patchNamespacedStatefulSet({
          ...{ name: set.metadata.name ?? '', namespace: NAMESPACE },
          body: { metadata: { finalizers: null } },
        });
    }
    for (const pod of pods) {
      const age = Date.now() - Number(pod.metadata?.creationTimestamp);
      if (isUp(pod) || age < START_MS || this.isBad(pod)) continue;
      const conditions = [{ type: 'ContainersReady', status: 'True' }];
      const status = { phase: 'Running', podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }], conditions };
      await core
        .patchNamespacedPodStatus({ name: pod.metadata?.name ?? '', namespace: NAMESPACE, body: { status } })
        .catch(() => undefined);
    }
    return (await core.listNamespacedPod({ namespace: NAMESPACE })).items;
  }

  /** What presence agents and the projector do. */
  async #project(pods: readonly V1Pod[]): Promise<void> {
    const { kvs } = await this.#client().getAll().prefix('/definitions/').exec();
    const defined = new Set(kvs.map(({ key }) => key.toString().split('/').at(-1) ?? ''));
    const last = new Map(JSON.parse(this.#projected || '[]') as [string, string][]);
    const hosts = new Map<string, string>();
    for (const service of defined) {
      const serving = pods.filter(
        (pod) => pod.metadata?.labels?.[SERVICE_LABEL] === service && isServing(pod),
      );
      const isSilent = this.silent.has(service);
      const key = `/projector/frozen/${service}`;
      if (isSilent)
        await this.#client()
          .put(key)
          .value(JSON.stringify({ since: new Date().toISOString(), hosts: 1 }));
      else await this.#client().delete().key(key);
      const kept = [...last].filter(([name]) => name.startsWith(`${service}/`));
      const now = serving.map((pod) => [`${service}/${numberOf(pod)}`, pod.metadata?.uid ?? ''] as const);
      for (const [name, uid] of isSilent ? kept : now) hosts.set(name, uid);
    }
    const text = JSON.stringify([...hosts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    if (text === this.#projected) return;
    const gone = [...last.keys()].filter((name) => !hosts.has(name));
    const ops = [
      ...[...hosts.keys()].map((name) => this.#client().put(hostKey(name)).value('127.0.0.1:1')),
      ...gone.map((name) => this.#client().delete().key(hostKey(name))),
      this.#client().put('/projector/changed').value(new Date().toISOString()),
    ];
    const { header } = await this.#client()
      .if('/projector/none', 'Create', '==', 0)
      .then(...ops)
      .commit();
    this.#projected = text;
    this.#pending.push({ revision: Number(header.revision), hosts, at: Date.now() });
  }

  /** What the router does: it loads late, and what it followed ends later still. */
  async #route(): Promise<void> {
    const now = Date.now();
    const ripe = this.#pending.filter(({ at }) => now - at >= LOAD_MS);
    this.#pending = this.#pending.filter(({ at }) => now - at < LOAD_MS);
    for (const { revision, hosts } of ripe) {
      for (const old of this.#processes) old.endsAt = Math.min(old.endsAt, now + DRAIN_MS);
      this.#processes.push({ revision, hosts, loadedAt: now, endsAt: Infinity });
    }
    while (this.#processes[0] && this.#processes[0].endsAt <= now) this.#processes.shift();
    const revision = this.#processes.at(-1)?.revision ?? 0;
    const drained = this.#processes[0]?.revision ?? 0;
    const report = { revision, drained, at: new Date().toISOString() };
    await this.#client().put(`/routers/${BORDER}`).value(JSON.stringify(report));
  }

  /** A process that may send to a pod which is gone, or to a service that has nobody left, loses requests. */
  #look(pods: readonly V1Pod[]): void {
    const alive = new Set(
      pods.filter((pod) => !pod.metadata?.deletionTimestamp).map((pod) => pod.metadata?.uid ?? ''),
    );
    for (const { revision, hosts } of this.#processes)
      for (const [name, uid] of hosts)
        if (!alive.has(uid))
          this.losses.push(`${name} was stopped while the process of revision ${revision} knew it`);
    const newest = this.#processes.at(-1)?.hosts ?? new Map<string, string>();
    const services = new Set(
      [...newest.keys(), ...[...this.fewest.keys()].map((name) => `${name}/`)].map(
        (name) => name.split('/')[0] ?? '',
      ),
    );
    for (const service of services) {
      const count = numbersIn(newest, service).length;
      const before = this.fewest.get(service);
      if (before !== undefined || count > 0) this.fewest.set(service, Math.min(before ?? count, count));
    }
  }
}

const hostKey = (name: string): string => `/services/${name.replace('/', '/hosts/')}`;
const numbersIn = (hosts: Hosts, service: string): number[] =>
  [...hosts.keys()]
    .filter((name) => name.startsWith(`${service}/`))
    .map((name) => Number(name.split('/')[1]));
const numberOf = (pod: V1Pod): number => Number(pod.metadata?.labels?.[NUMBER_LABEL]);
const isUp = ({ status }: V1Pod): boolean =>
  status?.conditions?.some((one) => one.type === 'ContainersReady' && one.status === 'True') === true;
const isServing = (pod: V1Pod): boolean =>
  isUp(pod) &&
  !pod.metadata?.deletionTimestamp &&
  pod.metadata?.annotations?.[WITHDRAWN_ANNOTATION] === undefined;

const numbersOfSet = ({ spec }: V1StatefulSet): number[] =>
  Array.from({ length: spec?.replicas ?? 0 }, (_, at) => (spec?.ordinals?.start ?? 0) + at);

const podOf = ({ metadata, spec }: V1StatefulSet, number: number): V1Pod => {
  const { labels = {}, annotations = {} } = spec?.template.metadata ?? {};
  return {
    metadata: {
      name: `${metadata?.name}-${number}`,
      labels: { ...labels, [NUMBER_LABEL]: String(number) },
      annotations,
    },
    spec: { containers: [{ name: 'web', image: 'web:1' }] },
  };
};
