/** The nftables rules of a VPC's router: addresses translated, source/destination checked, security groups kept. */
import { subnetAddress } from './addresses.ts';
import { RESOLVER_SERVICE_ADDRESS } from './model.ts';
import type { InterfaceModel, NatGatewayModel, NetworkModel, VpcModel } from './model.ts';
import { INTERNET_LINK, interfaceLink, linkAddresses, natLink } from './names.ts';
import { declareChain, declareSet, replaceTable } from './plan.ts';
import { ADMIT, interfaceVerdicts, renderSecurityGroups } from './security-groups.ts';

export const METADATA_ADDRESS = '169.254.169.254';
export const VPC_RESOLVER_ADDRESS = '169.254.169.253';
/** Interfaces named here are cut off: what comes from them or goes to them vanishes. */
export const CUT_SET = 'cut';

/** `cut`: ids of the interfaces whose link is down. */
export function renderRouterRules(
  vpc: VpcModel,
  model: NetworkModel,
  gateways: readonly NatGatewayModel[],
  cut: ReadonlySet<string>,
): string {
  const interfaces = model.interfaces.filter((card) => card.vpcId === vpc.id);
  const groups = model.securityGroups.filter((group) => group.vpcId === vpc.id);
  return replaceTable(
    [
      ...renderSets(vpc, interfaces, cut),
      renderSecurityGroups(groups, interfaces),
      declareChain('cut-off', 'filter hook prerouting priority raw', [`iifname @${CUT_SET} drop`]),
      ...renderTranslation(vpc, gateways),
      ...renderLocal(interfaces),
      renderForward(interfaces),
    ].join(''),
  );
}

function renderSets(
  vpc: VpcModel,
  interfaces: readonly InterfaceModel[],
  cut: ReadonlySet<string>,
): string[] {
  const link = (card: InterfaceModel): string => `"${interfaceLink(card.id)}"`;
  const elastic = vpc.internetGateway ? interfaces.filter((card) => card.publicIp !== undefined) : [];
  const checked = interfaces.filter((card) => card.sourceDestCheck);
  return [
    declareSet('set', CUT_SET, 'ifname', interfaces.filter((card) => cut.has(card.id)).map(link)),
    declareSet(
      'set',
      'owners',
      'ifname . ipv4_addr',
      interfaces.map((card) => `${link(card)} . ${card.privateIp}`),
    ),
    declareSet('set', 'checked', 'ifname', checked.map(link)),
    declareSet(
      'set',
      'public',
      'ipv4_addr',
      elastic.map((card) => card.privateIp),
    ),
    declareSet(
      'map',
      'elastic-in',
      'ipv4_addr : ipv4_addr',
      elastic.map((card) => `${card.publicIp} : ${card.privateIp}`),
    ),
    declareSet(
      'map',
      'elastic-out',
      'ipv4_addr : ipv4_addr',
      elastic.map((card) => `${card.privateIp} : ${card.publicIp}`),
    ),
  ];
}

function renderTranslation(vpc: VpcModel, gateways: readonly NatGatewayModel[]): string[] {
  const resolvers = [VPC_RESOLVER_ADDRESS, ...vpc.cidrs.map((cidr) => subnetAddress(cidr, 2))].join(', ');
  return [
    declareChain('translate-in', 'nat hook prerouting priority dstnat', [
      `iifname "e-*" ip daddr { ${resolvers} } meta l4proto { tcp, udp } th dport 53 dnat to ${RESOLVER_SERVICE_ADDRESS}`,
      `iifname "${INTERNET_LINK}" dnat to ip daddr map @elastic-in`,
    ]),
    declareChain('translate-out', 'nat hook postrouting priority srcnat', [
      `oifname "${INTERNET_LINK}" ip daddr ${RESOLVER_SERVICE_ADDRESS} snat to ${linkAddresses(vpc.id).router}`,
      `oifname "${INTERNET_LINK}" snat to ip saddr map @elastic-out`,
      ...gateways.map((gateway) => `oifname "${natLink(gateway.id)}" snat to ${gateway.publicIp}`),
    ]),
  ];
}

/** What the router itself answers: the metadata service, with the IP TTL that the instance's hop limit asks for. */
function renderLocal(interfaces: readonly InterfaceModel[]): string[] {
  const hopLimits = Map.groupBy(interfaces, (card) => card.metadataHopLimit);
  return [
    declareChain('arriving', 'filter hook input priority filter', [
      'iifname "lo" accept',
      `iifname . ip saddr @owners ip daddr ${METADATA_ADDRESS} tcp dport 80 accept`,
      'drop',
    ]),
    declareChain('leaving', 'filter hook output priority filter', [
      `oifname @${CUT_SET} drop`,
      ...[...hopLimits].map(
        ([limit, cards]) =>
          `ip saddr ${METADATA_ADDRESS} ip daddr { ${cards.map((card) => card.privateIp).join(', ')} } ip ttl set ${limit}`,
      ),
    ]),
  ];
}

function renderForward(interfaces: readonly InterfaceModel[]): string {
  return declareChain('forward', 'filter hook forward priority filter', [
    `oifname @${CUT_SET} drop`,
    'iifname @checked iifname . ip saddr != @owners drop',
    'oifname @checked oifname . ip daddr != @owners drop',
    // An internet gateway carries nothing for an interface without a public address; the resolver is reached past it.
    `oifname "${INTERNET_LINK}" ip daddr != ${RESOLVER_SERVICE_ADDRESS} ip saddr != @public drop`,
    // Answers to what came in by an Elastic IP do not fit through a NAT gateway.
    'oifname "n-*" ct direction reply drop',
    'ct state established,related accept',
    'ct state invalid drop',
    // Security groups do not filter the VPC's resolver; nobody reaches it by its address in the internet.
    `ip daddr ${RESOLVER_SERVICE_ADDRESS} ct status dnat accept`,
    `ip daddr ${RESOLVER_SERVICE_ADDRESS} drop`,
    ...interfaceVerdicts('out', interfaces),
    `iifname "${INTERNET_LINK}" goto ${ADMIT}`,
    'drop',
  ]);
}
