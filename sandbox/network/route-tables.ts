/** Route tables of a VPC as the kernel's: each route with where it leads now. */
import { contains } from './addresses.ts';
import type { NatGatewayModel, NetworkModel, RouteModel, RouteTableModel, VpcModel } from './model.ts';
import { INTERNET_LINK, interfaceLink, linkAddresses, natLink, tableNumber } from './names.ts';
import type { Step } from './plan.ts';

/** Available NAT gateways of a VPC whose own subnet leads to the internet. */
export function natGatewaysInForce(model: NetworkModel, vpc: VpcModel): readonly NatGatewayModel[] {
  if (!vpc.internetGateway) return [];
  const subnets = new Map(
    model.subnets.filter((subnet) => subnet.vpcId === vpc.id).map((subnet) => [subnet.id, subnet]),
  );
  return model.natGateways.filter((gateway) => {
    const table = model.routeTables.find((each) => each.id === subnets.get(gateway.subnetId)?.routeTableId);
    return (
      gateway.available && (table?.routes.some((route) => route.target.kind === 'internet-gateway') ?? false)
    );
  });
}

/** The routes of one table. */
export function renderRouteTable(
  model: NetworkModel,
  vpc: VpcModel,
  table: RouteTableModel,
  gateways: readonly NatGatewayModel[],
): Step[] {
  const number = `table ${tableNumber(table.id)}`;
  // The local route always wins inside the VPC, so a route within its blocks would never be taken.
  const routes = table.routes.filter(
    ({ destination }) => !vpc.cidrs.some((cidr) => contains(cidr, destination)),
  );
  return routes.map((each) => {
    const hop = nextHop(model, vpc, each, gateways);
    return route(
      hop === undefined ? `blackhole ${each.destination}` : `${each.destination} ${hop}`,
      number,
      each.destination,
    );
  });
}

/** Where a route leads, or undefined when its target is gone, unavailable or not attached. */
function nextHop(
  model: NetworkModel,
  vpc: VpcModel,
  { target }: RouteModel,
  gateways: readonly NatGatewayModel[],
): string | undefined {
  switch (target.kind) {
    case 'internet-gateway':
      return vpc.internetGateway
        ? `via ${linkAddresses(vpc.id).internet} dev ${INTERNET_LINK} onlink`
        : undefined;
    case 'nat-gateway':
      if (!gateways.some((gateway) => gateway.id === target.id)) return undefined;
      return `via ${linkAddresses(target.id).internet} dev ${natLink(target.id)} onlink`;
    case 'interface': {
      const card = model.interfaces.find((each) => each.id === target.id && each.vpcId === vpc.id);
      return card && `via ${card.privateIp} dev ${interfaceLink(card.id)} onlink`;
    }
    case 'blackhole':
      return undefined;
  }
}

/** A route that takes the place of one with the same destination. */
export function route(text: string, table: string, destination: string): Step {
  return { add: `route replace ${text} ${table}`, remove: `route del ${destination} ${table}` };
}
