/** The sandbox's internet: a namespace that joins VPCs by their Elastic IPs, name servers, service addresses and the computer. */
import { AWS_SERVICE_ADDRESS, SERVICE_CIDR, TEMPORAL_SERVICE_ADDRESS } from './model.ts';
import type { NetworkModel, SandboxAddresses, VpcModel } from './model.ts';
import { COMPUTER_LINK, internetName, linkAddresses, natLink, routerLink } from './names.ts';
import { declareChain, replaceTable } from './plan.ts';
import type { NamespacePlan, Step } from './plan.ts';
import { natGatewaysInForce } from './route-tables.ts';

/** Where a service of the sandbox listens on the computer. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface NetworkSettings {
  readonly addresses: SandboxAddresses;
  /** The AWS front; machines reach it as `AWS_SERVICE_ADDRESS`, port 80. */
  readonly awsEndpoint: Endpoint;
  /** Temporal's frontend; machines reach it as `TEMPORAL_SERVICE_ADDRESS`, port 7233. */
  readonly temporal: Endpoint;
}

const SETTINGS = {
  'ipv4/ip_forward': '1',
  // An error per packet: who asks a port that is shut hears so at once, however often.
  'ipv4/icmp_ratelimit': '0',
  'ipv4/conf/all/rp_filter': '0',
  'ipv4/conf/default/rp_filter': '0',
  'ipv4/conf/all/send_redirects': '0',
  'ipv4/conf/default/send_redirects': '0',
  'ipv6/conf/all/disable_ipv6': '1',
  'ipv6/conf/default/disable_ipv6': '1',
};

/** Pure: what the namespace of the internet must hold. It has no default route: what it does not know goes nowhere. */
export function renderInternet(model: NetworkModel, settings: NetworkSettings): NamespacePlan {
  return {
    name: internetName(settings.addresses.index),
    settings: SETTINGS,
    ruleset: renderRules(settings),
    steps: [...renderOwn(settings), ...model.vpcs.flatMap((vpc) => renderVpc(model, vpc))],
  };
}

function renderRules({ addresses, awsEndpoint, temporal }: NetworkSettings): string {
  const service = (address: string, port: number, to: Endpoint): string =>
    `iifname != "${COMPUTER_LINK}" ip daddr ${address} tcp dport ${port} dnat to ${to.host}:${to.port}`;
  return replaceTable(
    [
      declareChain('translate-in', 'nat hook prerouting priority dstnat', [
        service(AWS_SERVICE_ADDRESS, 80, awsEndpoint),
        service(TEMPORAL_SERVICE_ADDRESS, 7233, temporal),
      ]),
      declareChain('arriving', 'filter hook input priority filter', [
        'iifname "lo" accept',
        'ct state established,related accept',
        `ip daddr { ${SERVICE_CIDR}, ${addresses.nameServerCidr} } accept`,
        'drop',
      ]),
      declareChain('forward', 'filter hook forward priority filter', [
        'ct state established,related accept',
        'ct state invalid drop',
        `oifname != "${COMPUTER_LINK}" ip daddr ${addresses.elasticCidr} accept`,
        // Of the computer, machines reach the two services above and nothing else.
        `oifname "${COMPUTER_LINK}" ct status dnat accept`,
        'drop',
      ]),
    ].join(''),
  );
}

function renderOwn({ addresses, awsEndpoint, temporal }: NetworkSettings): Step[] {
  const hosts = new Set([awsEndpoint.host, temporal.host].filter((host) => host !== addresses.computer));
  return [
    { add: 'link set lo up' },
    { add: `addr replace ${addresses.internet} peer ${addresses.computer} dev ${COMPUTER_LINK}` },
    { add: `link set ${COMPUTER_LINK} up` },
    ...[...hosts].map((host) => ({
      add: `route replace ${host}/32 via ${addresses.computer} dev ${COMPUTER_LINK}`,
    })),
    // Any address of these blocks can be bound here without being added first.
    ...[SERVICE_CIDR, addresses.nameServerCidr].map((cidr) => ({
      add: `route replace local ${cidr} dev lo`,
    })),
    // Addresses nobody holds go nowhere.
    { add: `route replace blackhole ${addresses.elasticCidr}` },
  ];
}

function renderVpc(model: NetworkModel, vpc: VpcModel): Step[] {
  const cards = model.interfaces.filter((card) => card.vpcId === vpc.id && vpc.internetGateway);
  return [
    ...renderLink(
      vpc.id,
      routerLink(vpc.id),
      cards.flatMap((card) => card.publicIp ?? []),
    ),
    ...natGatewaysInForce(model, vpc).flatMap((gateway) =>
      renderLink(gateway.id, natLink(gateway.id), [gateway.publicIp]),
    ),
  ];
}

function renderLink(id: string, link: string, publicIps: readonly string[]): Step[] {
  const { internet, router } = linkAddresses(id);
  return [
    { add: `addr replace ${internet} peer ${router} dev ${link}` },
    { add: `link set ${link} up` },
    ...publicIps.map((address) => ({
      add: `route replace ${address}/32 via ${router} dev ${link} onlink`,
      remove: `route del ${address}/32`,
    })),
  ];
}
