import type { Variant } from './variants.ts';
import { KillableWorker } from './worker.ts';
import { ZoneWorkers } from './zone-workers.ts';

/** All that serve operations: the product's worker, and those of zones on their borders. */
export class Workers {
  readonly #product: KillableWorker;
  readonly #zones: ZoneWorkers;

  constructor(variant: Variant | undefined) {
    this.#product = new KillableWorker(variant);
    this.#zones = new ZoneWorkers(variant);
  }

  async start(): Promise<void> {
    await Promise.all([this.#product.start(), this.#zones.start()]);
  }

  /** SIGKILL: nothing of them can clean up. Those of zones are started again by systemd. */
  async kill(): Promise<void> {
    await Promise.all([this.#product.kill(), this.#zones.kill()]);
  }

  /** Brings back what was killed. */
  async revive(): Promise<void> {
    await this.#product.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#product.stop(), this.#zones.stop()]);
  }
}
