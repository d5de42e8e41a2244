import type { MachineConfig } from '../../domain/machine-config.ts';
import { authorityProfile } from '../../domain/pki/authorities.ts';
import type { MachineFile } from '../host/files.ts';

/**
 * The machine's own way to the API servers: HAProxy, TCP, over the slots of the directors, whether one lives there or
 * not. A director counts while its API server says by TLS that it is ready. One that is gone is known after an
 * interval and two connection time-outs (4.5 s at most); its connections are cut then, so that clients dial anew.
 * One that only answers slowly has five seconds for it.
 */
export function apiProxyConfig({ cluster, domain }: MachineConfig): MachineFile {
  const text = `# Written by the join.
global
  log stdout format raw daemon notice
  maxconn 2000

defaults
  mode tcp
  log global
  retries 3
  option redispatch 1
  timeout connect 1s
  timeout check 5s
  # Watches are silent for long; their clients ping.
  timeout client 1h
  timeout server 1h

listen api
  bind 127.0.0.1:6443
  balance leastconn
  option httpchk
  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host director.zone.local
  http-check expect status 200
  default-server inter 2s fastinter 500ms downinter 1s fall 2 rise 1 on-marked-down shutdown-sessions
  default-server check check-ssl verify required ca-file ${authorityProfile('kubernetes', domain).path}
${(cluster.directors ?? []).map(serverLine).join('\n')}
`;
  return { path: '/etc/zonewright/api-proxy.cfg', text };
}

/** The name that is asked for is one that only this slot's certificate bears. */
const serverLine = (address: string, slot: number): string =>
  `  server director-${slot} ${address}:6443 check-sni director-${slot}.zone.local`;
