import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { SERVICE_LABEL } from '../../domain/discovery/values.ts';
import { ApiRefusal, type KubernetesApi } from './kubernetes.ts';
import { podSchema, type Pod } from './pod.ts';

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  items: z.array(podSchema),
});
const eventSchema = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().optional() }).optional() }),
});

const PAUSE_MS = 500;
const WATCH_SECONDS = 600;

/** The pods of this node that are instances of services, as far as the API server has told. */
export class NodePods {
  readonly #api: KubernetesApi;
  readonly #path: string;
  readonly #pods = new Map<string, Pod>();
  /** False until the API server has answered once: nothing is known, which is not the same as no pods. */
  isKnown = false;
  onChange = () => {};

  constructor(api: KubernetesApi, node: string) {
    this.#api = api;
    const query = new URLSearchParams({
      fieldSelector: `spec.nodeName=${node}`,
      labelSelector: SERVICE_LABEL,
    });
    this.#path = `/api/v1/pods?${query.toString()}`;
  }

  all(): readonly Pod[] {
    return [...this.#pods.values()];
  }

  /** Lists, watches, and begins again whenever the watch ends, until told to stop. */
  async follow(signal: AbortSignal): Promise<void> {
    let said = '';
    while (!signal.aborted) {
      try {
        await this.#watch(await this.#list(signal), signal);
        said = '';
      } catch (error) {
        if (signal.aborted) return;
        const why = (error as Error).message;
        if (why !== said) console.error(`presence: ${why}`);
        said = why;
        await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { metadata, items } = listSchema.parse(await this.#api.get(this.#path, signal));
    this.#pods.clear();
    for (const pod of items) this.#pods.set(keyOf(pod), pod);
    this.isKnown = true;
    this.onChange();
    return metadata.resourceVersion;
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const query = new URLSearchParams({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      timeoutSeconds: String(WATCH_SECONDS),
    });
    for await (const document of this.#api.watch(`${this.#path}&${query.toString()}`, signal)) {
      const { type, object } = eventSchema.parse(document);
      // The version is too old by now: what was missed is in the next list.
      if (type === 'ERROR')
        throw new ApiRefusal('watch pods', Number(object['code'] ?? 0), JSON.stringify(object));
      if (type === 'BOOKMARK') continue;
      const pod = podSchema.parse(object);
      if (type === 'DELETED') this.#pods.delete(keyOf(pod));
      else this.#pods.set(keyOf(pod), pod);
      this.onChange();
    }
  }
}

const keyOf = ({ metadata: { namespace, name } }: Pod): string => `${namespace}/${name}`;
