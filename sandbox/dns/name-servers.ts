/** Name servers of all hosted zones, and of the root: one CoreDNS in the sandbox's internet. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Route53 } from '../aws/route53/service.ts';
import { normalName } from '../aws/route53/records.ts';
import { NamespaceServer } from './child.ts';
import { renderFiles } from './zone-file.ts';

/** Changes that come one after another are served together. */
const GATHER_MS = 50;

export class NameServers {
  readonly #route53: Route53;
  readonly #folder: string;
  readonly #server: NamespaceServer;
  readonly #domains: string[];
  #gathering: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly folder: string;
    readonly namespace: string;
    readonly coredns: string;
    readonly route53: Route53;
    readonly domains: readonly string[];
  }) {
    this.#route53 = options.route53;
    this.#folder = options.folder;
    this.#domains = options.domains.map(normalName);
    this.#server = new NamespaceServer({
      name: 'CoreDNS',
      command: options.coredns,
      args: ['-conf', join(options.folder, 'Corefile')],
      namespace: options.namespace,
      ready: /CoreDNS-\d/,
    });
  }

  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    this.#write();
    await this.#server.start();
    this.#route53.onChange(() => this.#gather());
  }

  /** Has the root delegate a domain to its hosted zone, once there is one: what a registrar does. */
  register(domain: string): void {
    const name = normalName(domain);
    if (!this.#domains.includes(name)) this.#domains.push(name);
    this.#gather();
  }

  async close(): Promise<void> {
    clearTimeout(this.#gathering);
    await this.#server.close();
  }

  #gather(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.#write();
      // Has CoreDNS read everything anew while it goes on serving.
      this.#server.signal('SIGUSR1');
    }, GATHER_MS);
  }

  #write(): void {
    const { zones, sets } = this.#route53.store;
    const files = renderFiles(
      { zones: [...zones.values()], sets: [...sets.values()], domains: this.#domains },
      this.#folder,
    );
    for (const [name, text] of files) writeFileSync(join(this.#folder, name), text);
    for (const name of readdirSync(this.#folder)) {
      if (name.endsWith('.zone') && !files.has(name)) rmSync(join(this.#folder, name));
    }
  }
}
