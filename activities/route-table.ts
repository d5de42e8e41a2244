import {
  AssociateRouteTableCommand,
  CreateRouteTableCommand,
  DeleteRouteTableCommand,
  DescribeRouteTablesCommand,
  DisassociateRouteTableCommand,
  type Filter,
  type RouteTable,
} from '@aws-sdk/client-ec2';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import {
  foundByTags,
  given,
  ownerFilters,
  scopeFilters,
  tagAtCreation,
  leftoverOf,
  tagsOf,
} from './cloud/tags.ts';
import type { Effect } from './effect.ts';

/** Associated with its subnets by `complete`, one call each. */
export function routeTableEffect({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<PlanOf<'route-table'>, RefOf<'route-table'>> {
  const list = async (request: { Filters?: Filter[]; RouteTableIds?: string[] }, signal: AbortSignal) => {
    const command = new DescribeRouteTablesCommand(request);
    return (await orAbsent(ec2.send(command, { abortSignal: signal })))?.RouteTables ?? [];
  };
  return {
    async describe(plan, { owner, signal }) {
      const tables = await list({ Filters: ownerFilters(owner) }, signal);
      return tables.map((table) => {
        const unplanned = subnetsOf(table).filter((subnet) => !plan.subnetIds.includes(subnet));
        return foundByTags(owner, table.Tags, refOf(table), {
          VPC: [table.VpcId, plan.vpcId],
          'subnets beyond the plan': [unplanned, []],
        });
      });
    },

    async create(plan, { tags, token, signal }) {
      const command = new CreateRouteTableCommand({
        VpcId: plan.vpcId,
        ClientToken: token,
        TagSpecifications: tagAtCreation(tags, 'route-table'),
      });
      const { RouteTable } = await ec2.send(command, { abortSignal: signal });
      return { id: given(RouteTable?.RouteTableId, 'RouteTableId') };
    },

    async complete(ref, plan, { signal }) {
      const [table] = await list({ RouteTableIds: [ref.id] }, signal);
      const associated = table ? subnetsOf(table) : [];
      for (const SubnetId of plan.subnetIds.filter((subnet) => !associated.includes(subnet))) {
        const command = new AssociateRouteTableCommand({ RouteTableId: ref.id, SubnetId });
        await ec2.send(command, { abortSignal: signal });
      }
      return ref;
    },

    async remove(ref, _plan, { signal }) {
      const [table] = await list({ RouteTableIds: [ref.id] }, signal);
      for (const { RouteTableAssociationId: AssociationId, Main } of table?.Associations ?? []) {
        if (AssociationId === undefined || Main) continue;
        const command = new DisassociateRouteTableCommand({ AssociationId });
        await unlessGone(ec2.send(command, { abortSignal: signal }));
      }
      const command = new DeleteRouteTableCommand({ RouteTableId: ref.id });
      await unlessGone(ec2.send(command, { abortSignal: signal }));
    },

    async leftovers(scope, { signal }) {
      const tables = await list({ Filters: scopeFilters(scope) }, signal);
      return tables.map((table) => leftoverOf(refOf(table), tagsOf(table.Tags)));
    },
  };
}

const refOf = (table: RouteTable) => ({ id: given(table.RouteTableId, 'RouteTableId') });
const subnetsOf = (table: RouteTable): string[] =>
  (table.Associations ?? []).flatMap(({ SubnetId }) => (SubnetId === undefined ? [] : [SubnetId]));
