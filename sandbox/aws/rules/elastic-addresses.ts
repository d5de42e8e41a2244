/**
 * Elastic IPs come from the sandbox's own block, and are not let go while in use.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html
 */
import { AwsError } from '../call.ts';
import type { Rule } from '../call.ts';
import { freeElasticAddress } from '../addresses.ts';
import type { World } from '../world.ts';
import { itemsOf, textOf } from '../xml.ts';

export function elasticAddresses(world: World): Rule {
  return {
    name: 'elastic-addresses',
    actions: ['ec2:AllocateAddress', 'ec2:ReleaseAddress', 'ec2:AssociateAddress', 'ec2:DescribeAddresses'],
    async apply(call, next) {
      const { params } = call;
      if (call.action === 'DescribeAddresses') {
        const answer = await next(call);
        return { ...answer, document: world.natGateways.correct({ ...answer.document! } as never) };
      }
      if (call.action === 'AllocateAddress') {
        params.set('Domain', 'vpc');
        params.set('Address', await freeElasticAddress(world));
        return next(call);
      }
      const id = params.get('AllocationId') ?? '';
      const [address] = itemsOf(
        await world.read('DescribeAddresses', { 'AllocationId.1': id }),
        'addressesSet',
      );
      const associated = textOf(address, 'associationId') !== undefined;
      if (call.action === 'ReleaseAddress' && associated) {
        throw new AwsError('InvalidIPAddress.InUse', `Address ${textOf(address, 'publicIp')} is in use.`);
      }
      // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html: AllowReassociation
      if (call.action === 'AssociateAddress' && associated && params.get('AllowReassociation') === 'false') {
        throw new AwsError(
          'Resource.AlreadyAssociated',
          `resource ${id} is already associated with associate-id ${textOf(address, 'associationId')}`,
        );
      }
      if (call.action === 'AssociateAddress') await toInterface(world, params);
      return next(call);
    },
  };
}

/** The emulator maps an address to an instance or an interface; the network needs the interface. */
async function toInterface(world: World, params: URLSearchParams): Promise<void> {
  const instanceId = params.get('InstanceId');
  if (instanceId === null) return;
  const record = world.instances.get(instanceId);
  if (record === undefined)
    throw new AwsError('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);
  if (record.state === 'pending') {
    throw new AwsError(
      'InvalidInstanceID',
      `The pending instance '${instanceId}' is not in a valid state for this operation.`,
    );
  }
}
