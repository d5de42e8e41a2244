import {
  CreateRouteCommand,
  DeleteRouteCommand,
  DescribeRouteTablesCommand,
  type Route,
} from '@aws-sdk/client-ec2';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { differences } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

type Plan = PlanOf<'route'>;

/** A table has one route for a destination: table and destination are its natural name. */
export const routeEffect = ({ ec2 }: Pick<Clients, 'ec2'>): Effect<Plan, RefOf<'route'>> => ({
  async describe(plan, { signal }) {
    const command = new DescribeRouteTablesCommand({ RouteTableIds: [plan.routeTableId] });
    const answer = await orAbsent(ec2.send(command, { abortSignal: signal }));
    const routes = answer?.RouteTables?.[0]?.Routes ?? [];
    const route = routes.find(({ DestinationCidrBlock }) => DestinationCidrBlock === plan.destination);
    if (!route) return [];
    const mismatch = differences({ target: [targetOf(route), plannedTarget(plan)] });
    return [{ ref: refOf(plan), owned: mismatch.length === 0, attempt: 0, mismatch }];
  },

  async create(plan, { signal }) {
    const { target } = plan;
    const command = new CreateRouteCommand({
      RouteTableId: plan.routeTableId,
      DestinationCidrBlock: plan.destination,
      ...('internetGatewayId' in target ? { GatewayId: target.internetGatewayId } : {}),
      ...('natGatewayId' in target ? { NatGatewayId: target.natGatewayId } : {}),
      ...('networkInterfaceId' in target ? { NetworkInterfaceId: target.networkInterfaceId } : {}),
    });
    await ec2.send(command, { abortSignal: signal });
    return refOf(plan);
  },

  async remove(ref, _plan, { signal }) {
    const [table, ...destination] = ref.id.split('/');
    const command = new DeleteRouteCommand({
      RouteTableId: table,
      DestinationCidrBlock: destination.join('/'),
    });
    await unlessGone(ec2.send(command, { abortSignal: signal }));
  },

  leftovers: 'with its parent',
});

const refOf = (plan: Plan) => ({ id: `${plan.routeTableId}/${plan.destination}` });

/** A route to an instance's interface names both; the interface decides. */
const targetOf = (route: Route): string | undefined =>
  route.NatGatewayId ?? route.NetworkInterfaceId ?? route.GatewayId;

const plannedTarget = ({ target }: Plan): string =>
  'internetGatewayId' in target
    ? target.internetGatewayId
    : 'natGatewayId' in target
      ? target.natGatewayId
      : target.networkInterfaceId;
