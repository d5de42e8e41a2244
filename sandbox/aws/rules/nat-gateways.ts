/**
 * NAT gateways take time, need an internet gateway, and let go of address and interface when they are deleted.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html
 * https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
 */
import { AwsError, filtersOf, matchesPattern, setFilters } from '../call.ts';
import type { Call, Next, Answer, Rule } from '../call.ts';
import { claimAddress } from '../addresses.ts';
import type { NatRecord } from '../nat-gateways.ts';
import type { World } from '../world.ts';
import { itemsOf, objectOf, textOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';

/** AWS shows a deleted gateway for about an hour. */
const DELETED_SEEN_MS = 60 * 60_000;

export function natGateways(world: World): Rule {
  return {
    name: 'nat-gateways',
    actions: ['ec2:CreateNatGateway', 'ec2:DeleteNatGateway', 'ec2:DescribeNatGateways'],
    async apply(call, next) {
      if (call.action === 'CreateNatGateway') return create(world, call, next);
      if (call.action === 'DeleteNatGateway') return remove(world, call);
      const filters = filtersOf(call.params);
      const states = filters.filter(({ name }) => name === 'state').flatMap(({ values }) => values);
      // The emulator knows neither its states nor filters by tag.
      const tagged = filters.filter(({ name }) => name.startsWith('tag:'));
      if (states.length + tagged.length > 0)
        setFilters(
          call.params,
          filters.filter((filter) => filter.name !== 'state' && !tagged.includes(filter)),
        );
      const answer = await next(call);
      const fields = answer.document?.fields ?? {};
      const seen = itemsOf(fields, 'natGatewaySet').filter((nat) => {
        const record = world.natGateways.get(String(nat['natGatewayId']));
        if (record === undefined || Date.now() - (record.deletedAt ?? Date.now()) > DELETED_SEEN_MS)
          return false;
        if (!tagged.every((filter) => bears(nat, filter))) return false;
        return states.length === 0 || states.some((state) => matchesPattern(state, record.state));
      });
      refuseUnseen(call, seen);
      for (const nat of seen) present(world, nat);
      fields['natGatewaySet'] = { item: world.natGateways.correct(seen) as XmlObject[] };
      return answer;
    },
  };
}

function bears(nat: XmlObject, { name, values }: { name: string; values: readonly string[] }): boolean {
  const key = name.slice('tag:'.length);
  const tag = itemsOf(nat, 'tagSet').find((each) => textOf(each, 'key') === key);
  return tag !== undefined && values.some((value) => matchesPattern(value, textOf(tag, 'value') ?? ''));
}

function refuseUnseen(call: Call, seen: readonly XmlObject[]): void {
  for (const [key, id] of call.params) {
    if (!/^NatGatewayId\.\d+$/.test(key) || seen.some((nat) => nat['natGatewayId'] === id)) continue;
    const filtered = [...call.params.keys()].some((name) => name.startsWith('Filter.'));
    if (!filtered) throw new AwsError('NatGatewayNotFound', `NAT gateway ${id} was not found`);
  }
}

function present(world: World, nat: XmlObject): void {
  const record = world.natGateways.get(String(nat['natGatewayId']));
  if (record === undefined) return;
  nat['state'] = record.state;
  if (record.state !== 'failed' || record.failure === undefined) return;
  nat['failureCode'] = record.failure.code;
  nat['failureMessage'] = record.failure.message;
}

async function create(world: World, call: Call, next: Next): Promise<Answer> {
  const subnetId = call.params.get('SubnetId') ?? '';
  const allocationId = call.params.get('AllocationId') ?? '';
  const privateIp = await claimAddress(world, subnetId, call.params.get('PrivateIpAddress') ?? undefined);
  const addresses = await world.read('DescribeAddresses', { 'AllocationId.1': allocationId });
  if (textOf(itemsOf(addresses, 'addressesSet')[0], 'associationId') !== undefined) {
    throw new AwsError(
      'Resource.AlreadyAssociated',
      `Elastic IP address [${allocationId}] is already associated`,
    );
  }
  const failure = await withoutInternet(world, subnetId);
  const answer = await next(call);
  const nat = objectOf(answer.document?.fields, 'natGateway');
  const [address] = itemsOf(nat, 'natGatewayAddressSet');
  const record: NatRecord = {
    id: String(nat['natGatewayId']),
    interfaceId: textOf(address, 'networkInterfaceId') ?? '',
    privateIp,
    emulatorIp: textOf(address, 'privateIp') ?? '',
    ...(failure === undefined ? {} : { failure }),
    state: 'pending',
  };
  world.natGateways.add(record);
  later(world, async () => {
    record.state = failure === undefined ? 'available' : 'failed';
    if (failure !== undefined) await release(world, record);
  });
  present(world, nat);
  const document = answer.document!;
  return { ...answer, document: { ...document, fields: world.natGateways.correct(document.fields) } };
}

async function withoutInternet(world: World, subnetId: string): Promise<NatRecord['failure']> {
  const [subnet] = itemsOf(await world.read('DescribeSubnets', { 'SubnetId.1': subnetId }), 'subnetSet');
  const vpcId = textOf(subnet, 'vpcId') ?? '';
  const gateways = await world.read('DescribeInternetGateways', {
    'Filter.1.Name': 'attachment.vpc-id',
    'Filter.1.Value.1': vpcId,
  });
  if (itemsOf(gateways, 'internetGatewaySet').length > 0) return undefined;
  return { code: 'Gateway.NotAttached', message: `Network ${vpcId} has no Internet gateway attached` };
}

async function remove(world: World, call: Call): Promise<Answer> {
  const id = call.params.get('NatGatewayId') ?? '';
  const record = world.natGateways.get(id);
  if (record === undefined) throw new AwsError('NatGatewayNotFound', `NAT gateway ${id} was not found`);
  if (record.state !== 'deleting' && record.state !== 'deleted') {
    record.state = 'deleting';
    later(world, async () => {
      record.state = 'deleted';
      record.deletedAt = Date.now();
      await world.emulator.ec2('DeleteNatGateway', { NatGatewayId: id });
      await release(world, record);
    });
  }
  const fields = { natGatewayId: id };
  return {
    status: 200,
    headers: {},
    document: { name: 'DeleteNatGatewayResponse', fields: { requestId: call.id, ...fields } },
  };
}

/** Gives the gateway's address and interface back. */
async function release(world: World, record: NatRecord): Promise<void> {
  const found = await world.emulator.ec2('DescribeAddresses', {
    'Filter.1.Name': 'network-interface-id',
    'Filter.1.Value.1': record.interfaceId,
  });
  for (const address of itemsOf(found, 'addressesSet')) {
    const AssociationId = textOf(address, 'associationId');
    if (AssociationId !== undefined) await world.emulator.ec2('DisassociateAddress', { AssociationId });
  }
  await world.emulator
    .ec2('DeleteNetworkInterface', { NetworkInterfaceId: record.interfaceId })
    .catch((error: unknown) => {
      if (!(error instanceof AwsError) || !error.code.endsWith('NotFound')) throw error;
    });
}

function later(world: World, change: () => Promise<void>): void {
  const timer = setTimeout(() => {
    const changing = world.ec2Lock.run(async () => {
      await change();
      await world.mirror.apply();
    });
    changing.catch((error: unknown) => console.error('Cannot follow a NAT gateway', error));
  }, world.delays.natMs);
  timer.unref();
}
