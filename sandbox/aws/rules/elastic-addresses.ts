/**
 * Elastic IPs come from the sandbox's own block, move as a whole, and are not let go while in use.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html
 */
import { AwsError, ec2Answer } from '../call.ts';
import type { Answer, Call, Next, Rule } from '../call.ts';
import { freeElasticAddress } from '../addresses.ts';
import type { World } from '../world.ts';
import { itemsOf, textOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';
import { requireInstance } from './describe-instances.ts';

type Handler = (world: World, call: Call, next: Next) => Promise<Answer>;

const HANDLERS: Readonly<Record<string, Handler>> = {
  AllocateAddress: async (world, call, next) => {
    call.params.set('Domain', 'vpc');
    call.params.set('Address', await freeElasticAddress(world));
    return next(call);
  },
  AssociateAddress: associate,
  ReleaseAddress: async (world, call, next) => {
    const address = await requireAddress(world, call);
    if (textOf(address, 'associationId') === undefined) return next(call);
    throw new AwsError('InvalidIPAddress.InUse', `Address ${textOf(address, 'publicIp')} is in use.`);
  },
  DescribeAddresses: async (world, call, next) => {
    const answer = await next(call);
    const document = answer.document!;
    return { ...answer, document: { ...document, fields: world.natGateways.correct(document.fields) } };
  },
};

export function elasticAddresses(world: World): Rule {
  return {
    name: 'elastic-addresses',
    actions: Object.keys(HANDLERS).map((action) => `ec2:${action}`),
    apply: (call, next) => HANDLERS[call.action]!(world, call, next),
  };
}

/** The emulator would leave traces of an address's old place, and of an interface's old address. */
async function associate(world: World, call: Call, next: Next): Promise<Answer> {
  const { params } = call;
  const address = await requireAddress(world, call);
  const interfaceId = targetInterface(world, params);
  const associationId = textOf(address, 'associationId');
  if (associationId !== undefined && address['networkInterfaceId'] === interfaceId) {
    return ec2Answer(call, { return: 'true', associationId });
  }
  if (associationId !== undefined && params.get('AllowReassociation') === 'false') {
    const message = `resource ${textOf(address, 'allocationId')} is already associated with associate-id ${associationId}`;
    throw new AwsError('Resource.AlreadyAssociated', message);
  }
  const all = itemsOf(await world.read('DescribeAddresses'), 'addressesSet');
  const replaced = all.filter((each) => each['networkInterfaceId'] === interfaceId);
  for (const each of [address, ...replaced]) {
    const AssociationId = textOf(each, 'associationId');
    if (AssociationId !== undefined) await world.emulator.ec2('DisassociateAddress', { AssociationId });
  }
  // Of an instance's first interface, the emulator shows the instance only when it is told of that.
  const record = world.instances.all.find(
    (each) => each.interfaceId === interfaceId && each.state !== 'terminated',
  );
  params.delete(record === undefined ? 'InstanceId' : 'NetworkInterfaceId');
  if (record !== undefined) params.set('InstanceId', record.id);
  return next(call);
}

function targetInterface(world: World, params: URLSearchParams): string {
  const interfaceId = params.get('NetworkInterfaceId');
  if (interfaceId !== null) return interfaceId;
  const record = requireInstance(world, params.get('InstanceId') ?? '');
  if (record.state !== 'pending') return record.interfaceId;
  const message = `The pending instance '${record.id}' is not in a valid state for this operation.`;
  throw new AwsError('InvalidInstanceID', message);
}

async function requireAddress(world: World, { params }: Call): Promise<XmlObject> {
  const id = params.get('AllocationId');
  const wanted: Record<string, string> =
    id === null ? { 'PublicIp.1': params.get('PublicIp') ?? '' } : { 'AllocationId.1': id };
  const [address] = itemsOf(await world.read('DescribeAddresses', wanted), 'addressesSet');
  if (address !== undefined) return address;
  throw new AwsError('InvalidAllocationID.NotFound', `The allocation ID '${id}' does not exist`);
}
