import type { KubernetesApi } from './kubernetes.ts';
import { gatePatch, type Pod } from './pod.ts';

/** Keeps the readiness gates of pods saying whether they serve. Each pod is patched by itself, so none waits for another. */
export class ReadinessGates {
  readonly #api: KubernetesApi;
  readonly #patching = new Map<string, string>();
  readonly #signal: AbortSignal;
  readonly #retry: () => void;

  /** @param retry called when a patch failed and is due again */
  constructor(api: KubernetesApi, signal: AbortSignal, retry: () => void) {
    this.#api = api;
    this.#signal = signal;
    this.#retry = retry;
  }

  keep(pods: readonly Pod[]): void {
    for (const pod of pods) {
      const { uid, resourceVersion } = pod.metadata;
      const patch = gatePatch(pod, new Date());
      // The watch tells what the patch made of it; until then it is on its way.
      if (patch === undefined || this.#patching.get(uid) === resourceVersion) continue;
      this.#patching.set(uid, resourceVersion);
      void this.#send(pod, patch);
    }
    const there = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const uid of this.#patching.keys()) if (!there.has(uid)) this.#patching.delete(uid);
  }

  async #send({ metadata: { namespace, name, uid } }: Pod, patch: object): Promise<void> {
    try {
      await this.#api.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, patch, this.#signal);
    } catch (error) {
      if (this.#signal.aborted) return;
      console.error(`presence: ${(error as Error).message}`);
      this.#patching.delete(uid);
      setTimeout(this.#retry, 1_000).unref();
    }
  }
}
