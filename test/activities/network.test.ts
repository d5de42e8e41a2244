import {
  CreateNetworkInterfaceCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteNetworkInterfaceCommand,
  DescribeInternetGatewaysCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcAttributeCommand,
  DescribeVpcsCommand,
} from '@aws-sdk/client-ec2';
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tagAtCreation } from '../../activities/cloud/tags.ts';
import { effectActivities, stepToken } from '../../activities/effect.ts';
import { elasticIpEffect } from '../../activities/elastic-ip.ts';
import { internetGatewayEffect } from '../../activities/internet-gateway.ts';
import { natGatewayEffect } from '../../activities/nat-gateway.ts';
import { routeTableEffect } from '../../activities/route-table.ts';
import { routeEffect } from '../../activities/route.ts';
import { securityGroupRulesEffect } from '../../activities/security-group-rules.ts';
import { securityGroupEffect } from '../../activities/security-group.ts';
import { subnetEffect } from '../../activities/subnet.ts';
import { vpcEffect } from '../../activities/vpc.ts';
import { ownerTags, type Owner } from '../../domain/resources/resource.ts';
import { startCloud, type Cloud } from './emulator.ts';
import { deleteUntilGone, effectRunner, SETTINGS, someOwner, untilSettled } from './run-effect.ts';

const signal = new AbortController().signal;
const contextOf = (owner: Owner, attempt: number) => ({
  owner,
  token: stepToken(owner),
  tags: ownerTags(owner, attempt),
  signal,
});

suite('effects of the network', () => {
  let cloud: Cloud;
  let vpcId: string;
  let subnetId: string;

  before(async () => {
    cloud = await startCloud();
    const { Vpc } = await cloud.clients.ec2.send(new CreateVpcCommand({ CidrBlock: '10.9.0.0/16' }));
    vpcId = Vpc?.VpcId ?? '';
    const { Subnet } = await cloud.clients.ec2.send(
      new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: '10.9.0.0/24' }),
    );
    subnetId = Subnet?.SubnetId ?? '';
  });
  after(() => cloud.stop());

  test('a VPC is created once, deleted twice, and has DNS names', async () => {
    const vpc = effectRunner('vpc', vpcEffect(cloud.clients));
    const input = { owner: someOwner('vpc'), plan: { cidr: '172.16.0.0/23' } };
    const ref = await vpc.create(input);
    assert.deepEqual(await vpc.create(input, { attempt: 2 }), ref);
    assert.equal((await vpc.describe(input)).length, 1);
    const command = new DescribeVpcAttributeCommand({ VpcId: ref.id, Attribute: 'enableDnsHostnames' });
    assert.equal((await cloud.clients.ec2.send(command)).EnableDnsHostnames?.Value, true);
    await vpc.delete(input);
    await vpc.delete(input);
    assert.deepEqual(await vpc.describe(input), []);
  });

  test('a planted VPC is neither adopted nor deleted', async () => {
    const vpc = effectRunner('vpc', vpcEffect(cloud.clients));
    const input = { owner: someOwner('vpc'), plan: { cidr: '172.16.2.0/23' } };
    const { Vpc } = await cloud.clients.ec2.send(
      new CreateVpcCommand({
        CidrBlock: '10.66.0.0/16',
        TagSpecifications: tagAtCreation(ownerTags(input.owner, 1), 'vpc'),
      }),
    );
    await assert.rejects(vpc.create(input), (error: Error & { type?: string }) => {
      assert.equal(error.type, 'ForeignResource');
      assert.match(
        error.message,
        new RegExp(`"${Vpc?.VpcId}" \\(cidr is 10.66.0.0/16, planned 172.16.2.0/23`),
      );
      return true;
    });
    await vpc.delete(input);
    const { Vpcs = [] } = await cloud.clients.ec2.send(
      new DescribeVpcsCommand({ VpcIds: [Vpc?.VpcId ?? ''] }),
    );
    assert.equal(Vpcs.length, 1);
  });

  test('of two VPCs the one that the history knows stays, else that of the lowest attempt', async () => {
    const effect = vpcEffect(cloud.clients);
    const vpc = effectRunner('vpc', effect);
    for (const known of [false, true]) {
      const input = { owner: someOwner('vpc'), plan: { cidr: '172.16.4.0/23' } };
      const late = await effect.create(input.plan, contextOf(input.owner, 2));
      const early = await effect.create(input.plan, contextOf(input.owner, 1));
      const expected = known ? late : early;
      assert.deepEqual(await vpc.create(known ? { ...input, known: late } : input, { attempt: 3 }), expected);
      const left = await vpc.describe(input);
      assert.deepEqual(
        left.map(({ ref }) => ref),
        [expected],
      );
    }
  });

  test('after an answer that was lost, nothing is created before the consistency window closes', async () => {
    const effect = vpcEffect(cloud.clients);
    const vpc = effectRunner('vpc', effect);
    const input = { owner: someOwner('vpc'), plan: { cidr: '172.16.6.0/23' } };
    let made: { id: string } | undefined;
    const late = setTimeout(async () => {
      made = await effect.create(input.plan, contextOf(input.owner, 1));
    }, SETTINGS.consistencyWindowMs / 3);
    const ref = await vpc.create(input, { attempt: 2, heartbeatDetails: { issued: true } });
    clearTimeout(late);
    assert.deepEqual(ref, made);
    assert.equal((await vpc.describe(input)).length, 1);
  });

  test('an abort does not give up a request that is under way: its answer says what has to be undone', async () => {
    const environment = new MockActivityEnvironment();
    const effect = vpcEffect(cloud.clients);
    const interrupted: typeof effect = {
      ...effect,
      create: async (plan, context) => {
        environment.cancel();
        await sleep(20);
        assert.equal(context.signal.aborted, false);
        return effect.create(plan, context);
      },
    };
    const input = { owner: someOwner('vpc'), plan: { cidr: '172.16.12.0/23' } };
    const { 'vpc.create': create } = effectActivities('vpc', interrupted, SETTINGS);
    const made = await environment.run(() =>
      (create as (given: typeof input) => Promise<{ id: string }>)(input),
    );
    const found = await effectRunner('vpc', effect).describe(input);
    assert.deepEqual(
      found.map(({ ref }) => ref),
      [made],
    );
  });

  test('the undo of a step that has not answered waits until nothing can appear any more', async () => {
    const effect = vpcEffect(cloud.clients);
    const settings = { ...SETTINGS, requestTimeoutMs: 600 };
    const vpc = effectRunner('vpc', effect, settings);
    const input = { owner: someOwner('vpc'), plan: { cidr: '172.16.14.0/23' }, mayAppear: true };
    const began = Date.now();
    // The request took all its time, and what it made appears within the window after that.
    const late = sleep(settings.requestTimeoutMs + settings.consistencyWindowMs / 3).then(() =>
      effect.create(input.plan, contextOf(input.owner, 1)),
    );
    await untilSettled((attempt) => vpc.delete(input, { attempt, age: Date.now() - began }));
    await late;
    assert.deepEqual(await vpc.describe(input), []);
    assert.ok(Date.now() - began >= settings.requestTimeoutMs + settings.consistencyWindowMs);
  });

  test('a VPC that is not empty names what stands in it', async () => {
    const vpc = effectRunner('vpc', vpcEffect(cloud.clients));
    const input = { owner: someOwner('vpc'), plan: { cidr: '172.16.8.0/23' } };
    const { id } = await vpc.create(input);
    const subnet = effectRunner('subnet', subnetEffect(cloud.clients));
    const inside = {
      owner: someOwner('subnet'),
      plan: { vpcId: id, cidr: '172.16.8.0/26', availabilityZone: cloud.zoneA },
    };
    const { id: SubnetId } = await subnet.create(inside);
    const { NetworkInterface } = await cloud.clients.ec2.send(
      new CreateNetworkInterfaceCommand({ SubnetId, Description: 'ELB app/web' }),
    );
    const NetworkInterfaceId = NetworkInterface?.NetworkInterfaceId ?? '';
    await assert.rejects(vpc.delete(input), (error: Error & { type?: string }) => {
      assert.equal(error.type, 'NotYet');
      assert.match(
        error.message,
        new RegExp(`network interface "${NetworkInterfaceId}" \\(ELB app/web\\) of "`),
      );
      return true;
    });
    await cloud.clients.ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId }));
    await subnet.delete(inside);
    await vpc.delete(input);
  });

  test('subnets are created once and deleted twice', async () => {
    const subnet = effectRunner('subnet', subnetEffect(cloud.clients));
    const plan = { vpcId, cidr: '10.9.1.0/26', availabilityZone: cloud.zoneB };
    const input = { owner: someOwner('subnet'), plan };
    const ref = await subnet.create(input);
    assert.deepEqual(await subnet.create(input), ref);
    await assert.rejects(subnet.create({ ...input, plan: { ...plan, availabilityZone: cloud.zoneA } }), {
      type: 'ForeignResource',
    });
    await subnet.delete(input);
    await subnet.delete(input);
    assert.deepEqual(await subnet.describe(input), []);
  });

  test('an internet gateway that a crash left loose is adopted and attached', async () => {
    const effect = internetGatewayEffect(cloud.clients);
    const gateway = effectRunner('internet-gateway', effect);
    const input = { owner: someOwner('igw'), plan: { vpcId } };
    const loose = await effect.create(input.plan, contextOf(input.owner, 1));
    assert.deepEqual(await gateway.create(input, { attempt: 2 }), loose);
    assert.deepEqual(await gateway.create(input), loose);
    const command = new DescribeInternetGatewaysCommand({ InternetGatewayIds: [loose.id] });
    const { InternetGateways } = await cloud.clients.ec2.send(command);
    assert.equal(InternetGateways?.[0]?.Attachments?.[0]?.VpcId, vpcId);
    const scope = { operation: input.owner.operation };
    assert.deepEqual(await leftoversOf(effect, scope), [loose.id]);
    await gateway.delete(input);
    await gateway.delete(input);
    assert.deepEqual(await leftoversOf(effect, scope), []);
  });

  test('a route table is associated after a crash, its routes come and go', async () => {
    const tables = effectRunner('route-table', routeTableEffect(cloud.clients));
    const routes = effectRunner('route', routeEffect(cloud.clients));
    const gateways = effectRunner('internet-gateway', internetGatewayEffect(cloud.clients));
    const gateway = { owner: someOwner('igw'), plan: { vpcId } };
    const { id: internetGatewayId } = await gateways.create(gateway);
    const input = { owner: someOwner('rtb'), plan: { vpcId, subnetIds: [subnetId] } };
    const bare = await tables.effect.create(input.plan, contextOf(input.owner, 1));
    assert.deepEqual(await tables.create(input, { attempt: 2 }), bare);
    assert.deepEqual(await tables.create(input), bare);
    const command = new DescribeRouteTablesCommand({ RouteTableIds: [bare.id] });
    const { RouteTables } = await cloud.clients.ec2.send(command);
    assert.deepEqual(
      RouteTables?.[0]?.Associations?.map(({ SubnetId }) => SubnetId),
      [subnetId],
    );
    const route = {
      owner: someOwner('route'),
      plan: { routeTableId: bare.id, destination: '0.0.0.0/0', target: { internetGatewayId } },
    };
    const ref = await routes.create(route);
    assert.equal(ref.id, `${bare.id}/0.0.0.0/0`);
    assert.deepEqual(await routes.create(route), ref);
    const other = { ...route, plan: { ...route.plan, target: { natGatewayId: 'nat-0' } } };
    await assert.rejects(routes.create(other), { type: 'ForeignResource' });
    await routes.delete(other);
    assert.equal((await routes.describe(route)).length, 1);
    await routes.delete(route);
    await routes.delete(route);
    await tables.delete(input);
    await tables.delete(input);
    await gateways.delete(gateway);
    assert.deepEqual(await tables.describe(input), []);
    await routes.delete(route);
  });

  test('an Elastic IP serves a NAT gateway, which becomes ready', async () => {
    const addresses = effectRunner('elastic-ip', elasticIpEffect(cloud.clients));
    const gateways = effectRunner('nat-gateway', natGatewayEffect(cloud.clients));
    const internet = effectRunner('internet-gateway', internetGatewayEffect(cloud.clients));
    const way = { owner: someOwner('igw'), plan: { vpcId } };
    await internet.create(way);
    const address = { owner: someOwner('eip'), plan: {} };
    const { id: allocationId, publicIp } = await addresses.create(address);
    assert.match(publicIp, /^\d+\.\d+\.\d+\.\d+$/);
    assert.equal((await addresses.create(address)).id, allocationId);
    const input = { owner: someOwner('nat'), plan: { subnetId, allocationId } };
    const ref = await gateways.create(input);
    assert.deepEqual(await gateways.create(input), ref);
    await untilSettled(() => gateways.ready({ ...input, known: ref }));
    await deleteUntilGone(gateways.delete, input);
    await deleteUntilGone(gateways.delete, input);
    await deleteUntilGone(addresses.delete, address);
    await addresses.delete(address);
    await internet.delete(way);
  });

  test('a security group loses the default rule, gets its own, and gives up what a crash left', async () => {
    const groups = effectRunner('security-group', securityGroupEffect(cloud.clients));
    const rules = effectRunner('security-group-rules', securityGroupRulesEffect(cloud.clients));
    const plan = { vpcId, groupName: 'zone03-director', description: 'directors' };
    const input = { owner: someOwner('group'), plan };
    const ref = await groups.create(input);
    assert.deepEqual(await ruleCount(cloud, ref.id), [0, 0]);
    const ruled = {
      owner: someOwner('rules'),
      plan: {
        groupId: ref.id,
        ingress: [
          {
            protocol: 'tcp' as const,
            fromPort: 6443,
            toPort: 6443,
            peer: { cidr: '10.9.0.0/16' },
            description: 'API',
          },
          { protocol: '-1' as const, peer: { securityGroupId: ref.id }, description: 'each other' },
        ],
        egress: [{ protocol: '-1' as const, peer: { cidr: '0.0.0.0/0' }, description: 'everything' }],
      },
    };
    assert.deepEqual(await rules.create(ruled), { id: ref.id });
    assert.deepEqual(await rules.create(ruled), { id: ref.id });
    assert.deepEqual(await ruleCount(cloud, ref.id), [2, 1]);
    // A repeated create of the group leaves the planned rule that looks like the default one.
    assert.deepEqual(await groups.create(input), ref);
    assert.deepEqual(await ruleCount(cloud, ref.id), [2, 1]);
    const fewer = { ...ruled, plan: { ...ruled.plan, egress: [] } };
    await assert.rejects(rules.create(fewer), /rule "egress -1 0.0.0.0\/0" is not planned/);
    await rules.delete(ruled);
    await rules.delete(ruled);
    assert.deepEqual(await ruleCount(cloud, ref.id), [0, 0]);
    await groups.delete(input);
    await groups.delete(input);
    await rules.delete(ruled);
  });

  test('a security group of the same name that somebody else made is refused', async () => {
    const groups = effectRunner('security-group', securityGroupEffect(cloud.clients));
    const plan = { vpcId, groupName: 'zone03-taken', description: 'theirs' };
    const theirs = { owner: someOwner('group'), plan };
    await groups.create(theirs);
    await assert.rejects(
      groups.create({ owner: someOwner('group'), plan }),
      /was not made by this operation/,
    );
    await groups.delete(theirs);
  });
});

async function ruleCount(cloud: Cloud, id: string): Promise<number[]> {
  const command = new DescribeSecurityGroupsCommand({ GroupIds: [id] });
  const group = (await cloud.clients.ec2.send(command)).SecurityGroups?.[0];
  const peers = (permissions = group?.IpPermissions) =>
    (permissions ?? []).reduce(
      (sum, { IpRanges = [], UserIdGroupPairs = [] }) => sum + IpRanges.length + UserIdGroupPairs.length,
      0,
    );
  return [peers(), peers(group?.IpPermissionsEgress)];
}

async function leftoversOf(
  effect: ReturnType<typeof internetGatewayEffect>,
  scope: { operation: string },
): Promise<string[]> {
  assert.ok(effect.leftovers !== 'with its parent');
  return (await effect.leftovers(scope, { signal })).map(({ id }) => id);
}
