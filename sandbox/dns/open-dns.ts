/** DNS of the sandbox: a root, name servers of the hosted zones, and a resolver for machines. */
import { join } from 'node:path';
import type { Route53 } from '../aws/route53/service.ts';
import { NameServers } from './name-servers.ts';
import { startResolver } from './resolver.ts';

export interface Dns {
  /** Has the root delegate a domain to the hosted zone of that name. */
  register(domain: string): void;
  close(): Promise<void>;
}

export async function openDns(options: {
  readonly home: string;
  /** Path of the namespace of the sandbox's internet. */
  readonly namespace: string;
  readonly coredns: string;
  readonly unbound: string;
  /** Where the computer asks the resolver. */
  readonly resolver: string;
  readonly route53: Route53;
  /** Domains registered from the start. */
  readonly domains: readonly string[];
}): Promise<Dns> {
  const folder = join(options.home, 'dns');
  const { namespace, coredns, route53, domains } = options;
  const servers = new NameServers({ folder: join(folder, 'zones'), namespace, coredns, route53, domains });
  await servers.start();
  const resolver = await startResolver(
    join(folder, 'resolver'),
    namespace,
    options.unbound,
    options.resolver,
  ).catch(async (error: unknown) => {
    await servers.close();
    throw error;
  });
  return {
    register: (domain) => servers.register(domain),
    close: async () => {
      await resolver.close();
      await servers.close();
    },
  };
}
