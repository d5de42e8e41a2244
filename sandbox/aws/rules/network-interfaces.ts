/**
 * Interfaces: free addresses only, and detached from instances that are gone.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkInterface.html
 */
import { AwsError } from '../call.ts';
import type { Rule } from '../call.ts';
import { claimAddress } from '../addresses.ts';
import type { World } from '../world.ts';
import { itemsOf, objectOf, textOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';

export function networkInterfaces(world: World): Rule {
  return {
    name: 'network-interfaces',
    actions: ['ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface', 'ec2:DescribeNetworkInterfaces'],
    async apply(call, next) {
      const { params } = call;
      if (call.action === 'CreateNetworkInterface') {
        const wanted = params.get('PrivateIpAddress') ?? undefined;
        params.set('PrivateIpAddress', await claimAddress(world, params.get('SubnetId') ?? '', wanted));
        return next(call);
      }
      if (call.action === 'DeleteNetworkInterface') {
        const id = params.get('NetworkInterfaceId') ?? '';
        const found = await world.read('DescribeNetworkInterfaces', { 'NetworkInterfaceId.1': id });
        if (textOf(itemsOf(found, 'networkInterfaceSet')[0], 'status') === 'in-use') {
          throw new AwsError('InvalidParameterValue', `Network interface '${id}' is currently in use.`);
        }
        return next(call);
      }
      const answer = await next(call);
      const document = answer.document!;
      for (const each of itemsOf(document.fields, 'networkInterfaceSet')) present(world, each);
      return { ...answer, document: { ...document, fields: world.natGateways.correct(document.fields) } };
    },
  };
}

function present(world: World, each: XmlObject): void {
  const id = textOf(each, 'networkInterfaceId') ?? '';
  const nat = world.natGateways.all.find(({ interfaceId }) => interfaceId === id);
  if (nat !== undefined) {
    Object.assign(each, { status: 'in-use', interfaceType: 'nat_gateway', requesterManaged: 'true' });
    each['description'] = `Interface for NAT Gateway ${nat.id}`;
    each['attachment'] = {
      attachmentId: `ela-attach-${id.slice(4)}`,
      instanceOwnerId: 'amazon-aws',
      deviceIndex: '1',
      status: 'attached',
      deleteOnTermination: 'false',
    };
    return;
  }
  const instanceId = textOf(each, 'attachment', 'instanceId');
  if (instanceId === undefined) return;
  const record = world.instances.get(instanceId);
  if (record?.state === 'terminated') {
    delete each['attachment'];
    each['status'] = 'available';
    return;
  }
  const own = record?.ownInterfaceIds.includes(id) === true;
  each['attachment'] = { ...objectOf(each, 'attachment'), deleteOnTermination: String(own) };
}
