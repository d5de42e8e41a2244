/** One VPC's router: a namespace that every packet of the VPC passes, as it would pass EC2's mapping service. */
import { subnetAddress } from './addresses.ts';
import { RESOLVER_SERVICE_ADDRESS } from './model.ts';
import type { NatGatewayModel, NetworkModel, VpcModel } from './model.ts';
import {
  INTERNET_LINK,
  LOCAL_TABLE,
  interfaceLink,
  linkAddresses,
  natLink,
  routerName,
  tableNumber,
} from './names.ts';
import type { NamespacePlan, Step } from './plan.ts';
import { natGatewaysInForce, renderRouteTable, route } from './route-tables.ts';
import { METADATA_ADDRESS, VPC_RESOLVER_ADDRESS, renderRouterRules } from './router-rules.ts';

const SETTINGS = {
  'ipv4/ip_forward': '1',
  'ipv4/conf/all/rp_filter': '0',
  'ipv4/conf/default/rp_filter': '0',
  'ipv4/conf/all/send_redirects': '0',
  'ipv4/conf/default/send_redirects': '0',
  // Answers for every neighbour that it has a route to: the machines of a subnet share no Ethernet segment.
  'ipv4/conf/default/proxy_arp': '1',
  'ipv4/neigh/default/proxy_delay': '0',
  'ipv6/conf/all/disable_ipv6': '1',
  'ipv6/conf/default/disable_ipv6': '1',
};

/** Pure: what the router of a VPC must hold. `cut` names the interfaces whose link is down. */
export function renderRouter(
  model: NetworkModel,
  vpc: VpcModel,
  index: number,
  cut: ReadonlySet<string>,
): NamespacePlan {
  const gateways = natGatewaysInForce(model, vpc);
  return {
    name: routerName(index, vpc.id),
    settings: SETTINGS,
    ruleset: renderRouterRules(vpc, model, gateways, cut),
    steps: [
      ...renderAddresses(model, vpc),
      ...renderLocalTable(model, vpc),
      ...gateways.flatMap((gateway) => renderNatLink(model, gateway)),
      ...model.routeTables
        .filter((table) => table.vpcId === vpc.id)
        .flatMap((table) => renderRouteTable(model, vpc, table, gateways)),
      ...renderRules(model, vpc),
    ],
  };
}

function renderAddresses(model: NetworkModel, vpc: VpcModel): Step[] {
  const gateways = model.subnets
    .filter((subnet) => subnet.vpcId === vpc.id)
    .map((subnet) => subnetAddress(subnet.cidr, 1));
  const resolvers = vpc.cidrs.map((cidr) => subnetAddress(cidr, 2));
  const own = new Set([METADATA_ADDRESS, VPC_RESOLVER_ADDRESS, ...resolvers, ...gateways]);
  const link = linkAddresses(vpc.id);
  return [
    { add: 'link set lo up' },
    { add: `addr replace ${link.router}/32 dev ${INTERNET_LINK}` },
    { add: `link set ${INTERNET_LINK} up` },
    ...[...own].map((address) => ({
      add: `addr replace ${address}/32 dev lo`,
      remove: `addr del ${address}/32 dev lo`,
    })),
  ];
}

/** The implicit local route: every interface by its address, and nothing else of the VPC's blocks. */
function renderLocalTable(model: NetworkModel, vpc: VpcModel): Step[] {
  const table = `table ${LOCAL_TABLE}`;
  const interfaces = model.interfaces.filter((card) => card.vpcId === vpc.id);
  return [
    ...vpc.cidrs.map((cidr) => route(`blackhole ${cidr}`, table, cidr)),
    route(
      `${RESOLVER_SERVICE_ADDRESS}/32 via ${linkAddresses(vpc.id).internet} dev ${INTERNET_LINK} onlink`,
      table,
      `${RESOLVER_SERVICE_ADDRESS}/32`,
    ),
    ...interfaces.flatMap((card): Step[] => {
      const link = interfaceLink(card.id);
      return [
        { add: `link set ${link} up` },
        { add: `neigh replace ${card.privateIp} lladdr ${card.macAddress} dev ${link} nud permanent` },
        route(`${card.privateIp}/32 dev ${link}`, table, `${card.privateIp}/32`),
      ];
    }),
  ];
}

function renderNatLink(model: NetworkModel, gateway: NatGatewayModel): Step[] {
  const link = natLink(gateway.id);
  const subnet = model.subnets.find((each) => each.id === gateway.subnetId);
  return [
    { add: `addr replace ${linkAddresses(gateway.id).router}/32 dev ${link}` },
    { add: `link set ${link} up` },
    // Answers find the way back by the gateway's own subnet, which pod ranges need.
    ...(subnet === undefined ? [] : [rule(`iif ${link} lookup ${tableNumber(subnet.routeTableId)}`)]),
  ];
}

/** Which table a packet is routed by: the VPC's own addresses first, then the table of the subnet it comes from. */
function renderRules(model: NetworkModel, vpc: VpcModel): Step[] {
  const subnets = new Map(model.subnets.map((subnet) => [subnet.id, subnet]));
  return [
    { add: `rule add priority 100 lookup ${LOCAL_TABLE}` },
    { add: 'rule add priority 30000 blackhole' },
    { add: 'rule del priority 32766' },
    { add: 'rule del priority 32767' },
    ...model.interfaces
      .filter((card) => card.vpcId === vpc.id)
      .flatMap((card) => {
        const subnet = subnets.get(card.subnetId);
        return subnet === undefined
          ? []
          : [rule(`iif ${interfaceLink(card.id)} lookup ${tableNumber(subnet.routeTableId)}`)];
      }),
  ];
}

function rule(text: string): Step {
  return { add: `rule add priority 1000 ${text}`, remove: `rule del priority 1000 ${text}` };
}
