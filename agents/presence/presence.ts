import type { Lease } from 'etcd3';
import { agentKey, nodePrefix, parseNodeKey, presenceKey } from '../../domain/discovery/keys.ts';
import { agentSchema, LEASE_SECONDS, type Presence } from '../../domain/discovery/values.ts';
import { Bell, makeRounds } from '../discovery/rounds.ts';
import { holdLease, keepSessions, type Session, type SessionOptions } from '../discovery/session.ts';
import { readBelow } from '../discovery/snapshot.ts';
import { ReadinessGates } from './gates.ts';
import type { KubernetesApi } from './kubernetes.ts';
import { announcementOf, isServing, type Pod } from './pod.ts';
import { NodePods } from './pods.ts';

export interface PresenceOptions extends Omit<SessionOptions, 'name'> {
  /** Name of the node. */
  readonly node: string;
  /** Of this boot: what was announced in another is not taken over. */
  readonly bootId: string;
  readonly api: KubernetesApi;
  /** Asked when told to stop: true when the whole machine stops, and its pods with it. */
  readonly isMachineStopping: () => Promise<boolean>;
}

const EVERY_MS = 10_000;

/**
 * Announces the pods of this node that serve, under a lease, and makes their readiness gates say the same. A restart of
 * the agent withdraws nothing: keys outlive it by their lease, and the next takes them over.
 */
export async function runPresence(options: PresenceOptions): Promise<void> {
  const { signal, api, node } = options;
  const bell = new Bell();
  const pods = new NodePods(api, node);
  const gates = new ReadinessGates(api, signal, () => pods.onChange());
  pods.onChange = () => {
    gates.keep(pods.all());
    bell.ring();
  };
  await Promise.all([
    pods.follow(signal),
    keepSessions({ ...options, name: 'presence' }, async (session) => {
      const lease = await holdLease(session, LEASE_SECONDS);
      const keys = new PresenceKeys(options, session, lease);
      try {
        await makeRounds({ bell, signal: session.signal, everyMs: EVERY_MS }, () => keys.round(pods));
      } finally {
        if (signal.aborted && (await options.isMachineStopping())) await keys.withdrawAll();
      }
    }),
  ]);
}

/** What lies below `/nodes/<node>/`, in one session. */
class PresenceKeys {
  readonly #options: PresenceOptions;
  readonly #client: Session['client'];
  readonly #lease: Lease;
  /** Keys that this session's lease bears. */
  readonly #ours = new Map<string, string>();
  #said = '';

  constructor(options: PresenceOptions, { client }: Session, lease: Lease) {
    this.#options = options;
    this.#client = client;
    this.#lease = lease;
  }

  async round(pods: NodePods): Promise<undefined> {
    const prefix = nodePrefix(this.#options.node);
    const { below } = await readBelow(this.#client, [prefix]);
    const there = new Map((below.get(prefix) ?? []).map(({ key, value }) => [key, value]));
    const wanted = pods.isKnown ? this.#announced(pods.all()) : this.#inherited(there);
    const mark = agentKey(this.#options.node);
    wanted.set(mark, this.#ours.get(mark) ?? this.#mark());
    const gone = [...there.keys()].filter((key) => !wanted.has(key));
    const put = [...wanted].filter(
      ([key, value]) => there.get(key) !== value || this.#ours.get(key) !== value,
    );
    if (gone.length === 0 && put.length === 0) return;
    const lease = await this.#lease.grant();
    await this.#client.kv.txn({
      compare: [],
      failure: [],
      success: [
        ...gone.map((key) => ({ request_delete_range: { key: Buffer.from(key) } })),
        ...put.map(([key, value]) => ({
          request_put: { key: Buffer.from(key), value: Buffer.from(value), lease },
        })),
      ],
    });
    for (const key of gone) this.#ours.delete(key);
    for (const [key, value] of put) this.#ours.set(key, value);
  }

  /** So that nobody is sent here while the machine ends its pods; the agent's own key stays, or it would be silence. */
  async withdrawAll(): Promise<void> {
    const instances = [...this.#ours.keys()].filter((key) => parseNodeKey(key).kind === 'instance');
    for (const key of instances) await this.#client.delete().key(key).exec();
  }

  #mark = (): string => JSON.stringify({ bootId: this.#options.bootId, at: new Date().toISOString() });

  #announced(pods: readonly Pod[]): Map<string, string> {
    const wanted = new Map<string, string>();
    const problems: string[] = [];
    for (const pod of pods.filter(isServing)) {
      const { name, uid } = pod.metadata;
      const announcement = announcementOf(pod);
      if (typeof announcement === 'string') problems.push(`cannot announce pod "${name}": ${announcement}`);
      else {
        const value: Presence = { address: announcement.address, pod: name, uid };
        wanted.set(
          presenceKey(this.#options.node, announcement.service, announcement.number),
          JSON.stringify(value),
        );
      }
    }
    const said = problems.join('\n');
    if (said !== '' && said !== this.#said) console.error(said);
    this.#said = said;
    return wanted;
  }

  /** Until the API server has answered: what an agent of this boot announced, as it stands. */
  #inherited(there: ReadonlyMap<string, string>): Map<string, string> {
    const mark = there.get(agentKey(this.#options.node));
    if (mark === undefined || bootOf(mark) !== this.#options.bootId) return new Map();
    return new Map([...there].filter(([key]) => parseNodeKey(key).kind === 'instance'));
  }
}

function bootOf(mark: string): string | undefined {
  try {
    return agentSchema.safeParse(JSON.parse(mark)).data?.bootId;
  } catch {
    return undefined;
  }
}
