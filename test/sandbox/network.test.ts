/** What a model comes down to: text of rules and commands, without running any. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { contains, prefixLength, subnetAddress } from '../../sandbox/network/addresses.ts';
import { difference } from '../../sandbox/network/apply.ts';
import { renderInternet } from '../../sandbox/network/internet.ts';
import type { NetworkModel, RouteModel, SecurityRuleModel } from '../../sandbox/network/model.ts';
import { interfaceLink, linkAddresses, natLink, tableNumber } from '../../sandbox/network/names.ts';
import { openNetwork } from '../../sandbox/network/network.ts';
import { renderNetwork } from '../../sandbox/network/render.ts';
import { renderRouter } from '../../sandbox/network/router.ts';
import { ADDRESSES, card, everything, model, settings, tcp } from './network-fixture.ts';

const NOBODY: ReadonlySet<string> = new Set();
const router = (
  changes: Partial<NetworkModel> = {},
): { readonly rules: string; readonly commands: string[] } => {
  const made = model(changes);
  const plan = renderRouter(made, made.vpcs[0]!, ADDRESSES.index, NOBODY);
  return { rules: plan.ruleset, commands: plan.steps.map((step) => step.add) };
};
const withRoute = (route: RouteModel, changes: Partial<NetworkModel> = {}): string[] => {
  const table = { id: 'rtb-private', vpcId: 'vpc-one', routes: [route] };
  const commands = router({ routeTables: [model().routeTables[0]!, table], ...changes }).commands;
  return commands.filter(
    (each) => each.endsWith(`table ${tableNumber('rtb-private')}`) && each.startsWith('route'),
  );
};
const withRule = (rule: SecurityRuleModel): string => {
  const group = { id: 'sg-one', vpcId: 'vpc-one', ingress: [rule], egress: [] };
  return /chain in-sg-one \{\n([^}]*)\}/.exec(router({ securityGroups: [group] }).rules)?.[1]?.trim() ?? '';
};

describe('addresses', () => {
  test('are counted from the start of a block', () => {
    assert.equal(subnetAddress('172.16.1.192/26', 1), '172.16.1.193');
    assert.equal(subnetAddress('10.0.0.255/16', 258), '10.0.1.2');
    assert.equal(prefixLength('172.16.0.0/23'), 23);
    assert.ok(contains('172.16.0.0/23', '172.16.1.0/26'));
    assert.ok(!contains('172.16.0.0/23', '172.16.0.0/12'));
    assert.ok(!contains('172.16.0.0/23', '172.16.2.0/26'));
  });

  test('of links lie in shared address space, and differ', () => {
    const { internet, router: other } = linkAddresses('vpc-0123456789abcdef0');
    assert.ok(contains('100.64.0.0/10', `${internet}/32`) && contains('100.64.0.0/10', `${other}/32`));
    assert.notEqual(internet, other);
    assert.notEqual(internet, linkAddresses('vpc-0123456789abcdef1').internet);
  });

  test('links’ names fit the kernel', () => {
    for (const name of [interfaceLink('eni-0123456789abcdef0'), natLink('nat-0123456789abcdef0')]) {
      assert.ok(name.length <= 15, name);
    }
  });
});

describe('routes', () => {
  // https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
  test('lead to gateways that are attached', () => {
    const route = { destination: '0.0.0.0/0', target: { kind: 'internet-gateway' } } as const;
    assert.match(withRoute(route)[0] ?? '', /^route replace 0\.0\.0\.0\/0 via 100\.\S+ dev inet0 onlink/);
    const vpcs = [{ ...model().vpcs[0]!, internetGateway: false }];
    assert.match(withRoute(route, { vpcs })[0] ?? '', /^route replace blackhole 0\.0\.0\.0\/0/);
  });

  test('lead through NAT gateways that are available and reach the internet themselves', () => {
    const gateway = {
      id: 'nat-one',
      subnetId: 'subnet-public',
      privateIp: '172.16.0.5',
      publicIp: '198.19.30.20',
    };
    const route = { destination: '0.0.0.0/0', target: { kind: 'nat-gateway', id: 'nat-one' } } as const;
    const through = (changes: object): string =>
      withRoute(route, { natGateways: [{ ...gateway, available: true, ...changes }] })[0] ?? '';
    assert.match(through({}), /dev n-nat-one onlink/);
    assert.match(through({ available: false }), /blackhole/);
    assert.match(through({ subnetId: 'subnet-private' }), /blackhole/);
  });

  // https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
  test('inside the VPC never win over the local one', () => {
    const route = { destination: '172.16.0.0/26', target: { kind: 'blackhole' } } as const;
    assert.deepEqual(withRoute(route), []);
  });

  test('to an interface that is gone swallow packets', () => {
    const to = (id: string): string =>
      withRoute({ destination: '10.200.0.0/24', target: { kind: 'interface', id } })[0] ?? '';
    assert.match(to('eni-b'), /via 172\.16\.0\.70 dev e-eni-b onlink/);
    assert.match(to('eni-gone'), /blackhole/);
  });
});

describe('security groups', () => {
  test('become matches by protocol, port and peer', () => {
    assert.equal(withRule(tcp(443, { cidr: '10.0.0.0/8' })), 'ip saddr 10.0.0.0/8 tcp dport 443 accept');
    assert.equal(
      withRule(tcp(80, { securityGroupId: 'sg-one' })),
      'ip saddr @members-sg-one tcp dport 80 accept',
    );
    assert.equal(withRule(everything('0.0.0.0/0')), 'accept');
    const udp = { protocol: 'udp', fromPort: 30_000, toPort: 32_767, peer: { cidr: '0.0.0.0/0' } } as const;
    assert.equal(withRule(udp), 'udp dport 30000-32767 accept');
    const icmp = { protocol: 'icmp', fromPort: -1, toPort: -1, peer: { cidr: '10.0.0.1/32' } } as const;
    assert.equal(withRule(icmp), 'ip saddr 10.0.0.1/32 meta l4proto icmp accept');
    assert.equal(
      withRule({ ...icmp, fromPort: 3, toPort: 4 }),
      'ip saddr 10.0.0.1/32 icmp type 3 icmp code 4 accept',
    );
  });

  test('that name a group which is gone admit nobody', () => {
    assert.equal(withRule(tcp(80, { securityGroupId: 'sg-gone' })), '');
    const interfaces = [card('a', '172.16.0.10', 'subnet-public', { securityGroupIds: ['sg-gone'] })];
    assert.match(router({ interfaces }).rules, /chain in-eni-a \{\s+drop\s+\}/);
  });
});

describe('the internet', () => {
  test('knows the Elastic IPs of VPCs whose gateway is attached', () => {
    const commands = (changes: Partial<NetworkModel>): string =>
      renderInternet(model(changes), settings(ADDRESSES))
        .steps.map((step) => step.add)
        .join('\n');
    assert.match(commands({}), /route replace 198\.19\.30\.10\/32 via 100\.\S+ dev v-vpc-one onlink/);
    const vpcs = [{ ...model().vpcs[0]!, internetGateway: false }];
    assert.doesNotMatch(commands({ vpcs }), /198\.19\.30\.10/);
    assert.doesNotMatch(commands({}), /default/, 'it has no way out');
  });

  test('cannot be given a service that no namespace reaches', async () => {
    const loopback = { ...settings(ADDRESSES), temporal: { host: '127.0.0.1', port: 7233 } };
    await assert.rejects(openNetwork(loopback), /service address "127\.0\.0\.1": expected an IPv4 address/);
  });
});

describe('a change', () => {
  test('gives the same text for the same model', () => {
    const text = (): string => JSON.stringify(renderNetwork(model(), settings(ADDRESSES), NOBODY));
    assert.equal(text(), text());
  });

  test('comes down to the commands that differ, the old ones taken back in reverse', () => {
    const step = (n: number): { readonly add: string; readonly remove: string } => ({
      add: `+${n}`,
      remove: `-${n}`,
    });
    assert.deepEqual(difference([step(1), step(2), step(3)], [step(1), step(4)]), ['-3', '-2', '+4']);
    assert.deepEqual(difference([step(1)], [step(1)]), []);
  });

  test('replaces a route in one go', () => {
    const before = { add: 'route replace 0.0.0.0/0 via a', remove: 'route del 0.0.0.0/0' };
    const after = { add: 'route replace blackhole 0.0.0.0/0', remove: 'route del 0.0.0.0/0' };
    assert.deepEqual(difference([before], [after]), [after.add]);
  });
});
