/**
 * The recursive resolver of machines: it knows the sandbox's root only, and forgets within seconds, so that a new
 * delegation is seen when it is made.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RESOLVER_SERVICE_ADDRESS, ROOT_NAME_SERVER_ADDRESS } from '../network/model.ts';
import { NamespaceServer } from './child.ts';

const HINTS = `. 60 IN NS a.root.sandbox-dns.\na.root.sandbox-dns. 60 IN A ${ROOT_NAME_SERVER_ADDRESS}\n`;

export async function startResolver(
  folder: string,
  namespace: string,
  unbound: string,
  address: string,
): Promise<NamespaceServer> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'root.hints'), HINTS);
  writeFileSync(join(folder, 'unbound.conf'), configuration(folder, address));
  const server = new NamespaceServer({
    ...{ name: 'unbound', command: unbound, namespace },
    args: ['-d', '-p', '-c', join(folder, 'unbound.conf')],
    ready: /start of service/,
  });
  await server.start();
  return server;
}

function configuration(folder: string, address: string): string {
  return `server:
  interface: ${RESOLVER_SERVICE_ADDRESS}
  interface: ${address}
  access-control: 0.0.0.0/0 allow
  do-ip6: no
  do-daemonize: no
  chroot: ""
  username: ""
  pidfile: ""
  directory: "${folder}"
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  module-config: "iterator"
  root-hints: "${folder}/root.hints"
  # unbound answers these itself unless told otherwise (RFC 6761).
  local-zone: "test." nodefault
  local-zone: "198.in-addr.arpa." nodefault
  unblock-lan-zones: yes
  qname-minimisation: no
  harden-below-nxdomain: no
  aggressive-nsec: no
  cache-max-ttl: 2
  cache-max-negative-ttl: 1
  infra-host-ttl: 2
  msg-cache-size: 1m
  rrset-cache-size: 1m
remote-control:
  control-enable: no
`;
}
