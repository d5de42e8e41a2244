/**
 * A subnet that goes takes its association with a route table along.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html
 */
import type { Rule } from '../call.ts';
import type { World } from '../world.ts';
import { itemsOf, textOf } from '../xml.ts';

export function subnets(world: World): Rule {
  return {
    name: 'subnets',
    actions: ['ec2:DeleteSubnet'],
    async apply(call, next) {
      const id = call.params.get('SubnetId') ?? '';
      const answer = await next(call);
      const found = await world.emulator.ec2('DescribeRouteTables', {
        'Filter.1.Name': 'association.subnet-id',
        'Filter.1.Value.1': id,
      });
      const associations = itemsOf(found, 'routeTableSet').flatMap((table) =>
        itemsOf(table, 'associationSet'),
      );
      for (const each of associations.filter((one) => one['subnetId'] === id)) {
        const AssociationId = textOf(each, 'routeTableAssociationId') ?? '';
        await world.emulator.ec2('DisassociateRouteTable', { AssociationId });
      }
      return answer;
    },
  };
}
