/** Packets through real namespaces: what a model lets through, and what it does not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { CommandError, run } from '../../sandbox/network/commands.ts';
import { namespacesOf } from '../../sandbox/network/destroy.ts';
import { ROOT_NAME_SERVER_ADDRESS } from '../../sandbox/network/model.ts';
import type { Network, NetworkModel } from '../../sandbox/network/model.ts';
import { namespacePath } from '../../sandbox/network/names.ts';
import { openNetwork } from '../../sandbox/network/network.ts';
import { ADDRESSES, card, everything, model, settings, succeeds, tcp } from './network-fixture.ts';

const HERE = '/proc/self/ns/net';
const POD = '10.200.1.5';
const ECHO = `require('http').createServer((q, r) => r.end(q.socket.remoteAddress))
  .listen(Number(process.argv[1]), process.argv[2], () => console.log('listening'))`;

describe('traffic of a sandbox', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  let network: Network;
  const listeners: ChildProcess[] = [];
  const at = (name: string): string => network.machineNamespace(`eni-${name}`);

  /** A server in a namespace that answers with the address it was reached from. */
  const listen = async (namespace: string, port: number, address = '0.0.0.0'): Promise<void> => {
    const args = [`--net=${namespace}`, process.execPath, '-e', ECHO, String(port), address];
    const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    listeners.push(child);
    await once(child.stdout, 'data');
  };
  const get = async (seconds: number, namespace: string, url: string, more: readonly string[]) => {
    const args = [`--net=${namespace}`, 'curl', '-s', '--max-time', String(seconds), ...more, url];
    return (await run('nsenter', args, { lenient: true })) || undefined;
  };
  const fetchFrom = (namespace: string, url: string, ...more: string[]): Promise<string | undefined> =>
    get(10, namespace, url, more);
  /** For what is expected to be dropped: waits as long as a packet could need, and no longer. */
  const refusedFrom = (namespace: string, url: string, ...more: string[]): Promise<string | undefined> =>
    get(0.7, namespace, url, more);
  const withIngress = (...ingress: NetworkModel['securityGroups'][number]['ingress']): NetworkModel =>
    model({
      securityGroups: [{ id: 'sg-one', vpcId: 'vpc-one', ingress, egress: [everything('0.0.0.0/0')] }],
    });

  before(async () => {
    network = await openNetwork(settings(ADDRESSES));
    await network.apply(model());
    await Promise.all(['a', 'b', 'c'].map((name) => listen(at(name), 80)));
    await run('nsenter', [`--net=${at('b')}`, 'ip', 'addr', 'add', `${POD}/32`, 'dev', 'lo']);
  });
  after(async () => {
    for (const child of listeners) child.kill('SIGKILL');
    await network.destroy();
    assert.deepEqual(await namespacesOf(ADDRESSES.index), []);
    assert.equal(await succeeds(HERE, ['ip', 'link', 'show', `zw${ADDRESSES.index}`]), false);
  });

  // https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
  test('groups refuse what no rule names, between subnets and inside one', async () => {
    await network.apply(model());
    assert.equal(await refusedFrom(at('a'), 'http://172.16.0.70'), undefined);
    assert.equal(await refusedFrom(at('b'), 'http://172.16.0.71'), undefined);
  });

  // https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
  test('a rule that names a group admits its members, and replies pass', async () => {
    await network.apply(withIngress(tcp(80, { securityGroupId: 'sg-one' })));
    assert.equal(await fetchFrom(at('a'), 'http://172.16.0.70'), '172.16.0.10');
    assert.equal(await fetchFrom(at('b'), 'http://172.16.0.71'), '172.16.0.70');
    assert.equal(await refusedFrom(HERE, 'http://198.19.30.10'), undefined);
  });

  test('the sender’s groups count as the receiver’s do', async () => {
    const open = withIngress(tcp(80, { cidr: '0.0.0.0/0' })).securityGroups[0];
    assert.ok(open);
    await network.apply(model({ securityGroups: [{ ...open, egress: [everything('172.16.0.70/32')] }] }));
    assert.equal(await fetchFrom(at('a'), 'http://172.16.0.70'), '172.16.0.10');
    assert.equal(await refusedFrom(at('a'), 'http://172.16.0.71'), undefined);
  });

  // https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html
  test('the computer enters by an Elastic IP, and only there', async () => {
    await network.apply(withIngress(tcp(80, { cidr: '0.0.0.0/0' })));
    assert.equal(await fetchFrom(HERE, 'http://198.19.30.10'), ADDRESSES.computer);
    assert.equal(await refusedFrom(HERE, 'http://198.19.30.11'), undefined);
    // Not even from the namespace that the computer's route ends in.
    assert.equal(await refusedFrom(network.internetNamespace(), 'http://172.16.0.10'), undefined);
    const route = await run('ip', ['route', 'get', '172.16.0.10'], { lenient: true });
    assert.doesNotMatch(route, new RegExp(`zw${ADDRESSES.index}`));
  });

  test('a machine reaches the AWS front with its Elastic IP, and no other port of the computer', async () => {
    const served = createServer((request, response) => response.end(request.socket.remoteAddress));
    const { port } = settings(ADDRESSES).awsEndpoint;
    served.listen(port, ADDRESSES.computer);
    await once(served, 'listening');
    await network.apply(model());
    assert.equal(await fetchFrom(at('a'), 'http://198.18.255.1'), '198.19.30.10');
    assert.equal(await refusedFrom(at('a'), `http://${ADDRESSES.computer}:${port}`), undefined);
    assert.equal(
      await refusedFrom(at('b'), 'http://198.18.255.1'),
      undefined,
      'no route leads out of its subnet',
    );
    served.close();
  });

  test('what lies outside the sandbox gets no packet, although machines have a route to the internet', async () => {
    const outside = '203.0.113.7';
    const received = (): number =>
      Number(readFileSync(`/sys/class/net/zw${ADDRESSES.index}/statistics/rx_packets`, 'utf8'));
    await run('ip', ['addr', 'add', `${outside}/32`, 'dev', 'lo']);
    try {
      await listen(HERE, 8099, outside);
      await network.apply(model());
      assert.equal(await fetchFrom(HERE, `http://${outside}:8099`), outside);
      const before = received();
      assert.equal(await refusedFrom(at('a'), `http://${outside}:8099`), undefined);
      assert.equal(received(), before);
    } finally {
      await run('ip', ['addr', 'del', `${outside}/32`, 'dev', 'lo']);
    }
  });

  // https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
  test('a NAT gateway lends its address once it is available', async () => {
    const gateway = {
      id: 'nat-one',
      subnetId: 'subnet-public',
      privateIp: '172.16.0.5',
      publicIp: '198.19.30.20',
    };
    const routes = [{ destination: '0.0.0.0/0', target: { kind: 'nat-gateway', id: 'nat-one' } as const }];
    const routeTables = [...model().routeTables.slice(0, 1), { id: 'rtb-private', vpcId: 'vpc-one', routes }];
    const open = { ...withIngress(tcp(80, { cidr: '0.0.0.0/0' })), routeTables };
    await network.apply({ ...open, natGateways: [{ ...gateway, available: false }] });
    assert.equal(await refusedFrom(at('b'), 'http://198.19.30.10'), undefined);
    await network.apply({ ...open, natGateways: [{ ...gateway, available: true }] });
    assert.equal(await fetchFrom(at('b'), 'http://198.19.30.10'), '198.19.30.20');
    assert.equal(await refusedFrom(HERE, 'http://198.19.30.20'), undefined, 'nothing comes in by it');
    await network.apply(open);
    assert.equal(await refusedFrom(at('b'), 'http://198.19.30.10'), undefined);
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html: SourceDestCheck
  test('a pod range is reached by its interface, once source/destination check is off', async () => {
    const routes = [{ destination: '10.200.1.0/24', target: { kind: 'interface', id: 'eni-b' } as const }];
    const routeTables = ['rtb-public', 'rtb-private'].map((id) => ({ id, vpcId: 'vpc-one', routes }));
    const open = { ...withIngress(tcp(80, { cidr: '0.0.0.0/0' })), routeTables };
    await network.apply(open);
    assert.equal(await refusedFrom(at('a'), `http://${POD}`), undefined);
    assert.equal(await refusedFrom(at('b'), 'http://172.16.0.71', '--interface', POD), undefined);
    const unchecked = card('b', '172.16.0.70', 'subnet-private', { sourceDestCheck: false });
    const interfaces = open.interfaces.map((each) => (each.id === 'eni-b' ? unchecked : each));
    await network.apply({ ...open, interfaces });
    assert.equal(await fetchFrom(at('a'), `http://${POD}`), '172.16.0.10');
    assert.equal(await fetchFrom(at('c'), `http://${POD}`), '172.16.0.71', 'within one subnet too');
    assert.equal(await fetchFrom(at('b'), 'http://172.16.0.71', '--interface', POD), POD);
  });

  // https://docs.aws.amazon.com/vpc/latest/userguide/how-it-works.html
  test('another VPC is reached by Elastic IPs only', async () => {
    const one = withIngress(tcp(80, { cidr: '0.0.0.0/0' }));
    const two = {
      vpcs: [{ id: 'vpc-two', cidrs: ['172.16.2.0/24'], internetGateway: true }],
      subnets: [{ id: 'subnet-two', vpcId: 'vpc-two', cidr: '172.16.2.0/24', routeTableId: 'rtb-two' }],
      routeTables: [{ ...one.routeTables[0]!, id: 'rtb-two', vpcId: 'vpc-two' }],
      securityGroups: [{ ...one.securityGroups[0]!, id: 'sg-two', vpcId: 'vpc-two' }],
      interfaces: [
        card('z', '172.16.2.10', 'subnet-two', {
          vpcId: 'vpc-two',
          securityGroupIds: ['sg-two'],
          publicIp: '198.19.30.30',
        }),
      ],
    };
    await network.apply({
      vpcs: [...one.vpcs, ...two.vpcs],
      subnets: [...one.subnets, ...two.subnets],
      routeTables: [...one.routeTables, ...two.routeTables],
      securityGroups: [...one.securityGroups, ...two.securityGroups],
      interfaces: [...one.interfaces, ...two.interfaces],
      natGateways: [],
    });
    assert.equal(await refusedFrom(at('z'), 'http://172.16.0.10'), undefined);
    assert.equal(await fetchFrom(at('z'), 'http://198.19.30.10'), '198.19.30.30');
    await network.apply(one);
    assert.equal((await namespacesOf(ADDRESSES.index)).includes('zw15-vpc-two'), false);
  });

  // https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
  test('the resolver answers at 169.254.169.253 and base + 2, from any subnet, past the groups', async () => {
    const script = `const s = require('dgram').createSocket('udp4');
      s.on('message', (m, r) => s.send('answer', r.port, r.address)).bind(53, '198.18.255.54', () => console.log('up'))`;
    const child = spawn('nsenter', [`--net=${network.internetNamespace()}`, process.execPath, '-e', script]);
    listeners.push(child);
    await once(child.stdout, 'data');
    await network.apply(
      model({ securityGroups: [{ id: 'sg-one', vpcId: 'vpc-one', ingress: [], egress: [] }] }),
    );
    const ask = `const s = require('dgram').createSocket('udp4'); s.send('?', 53, process.argv[1]);
      s.on('message', (m) => { console.log(String(m)); process.exit() }); setTimeout(() => process.exit(1), 700)`;
    for (const address of ['169.254.169.253', '172.16.0.2']) {
      assert.ok(await succeeds(at('b'), [process.execPath, '-e', ask, address], 3), address);
    }
    assert.equal(await succeeds(at('a'), [process.execPath, '-e', ask, '198.18.255.54'], 3), false);
  });

  test('name servers can be bound to any address of their block', async () => {
    await network.apply(model());
    await listen(network.internetNamespace(), 53, '198.19.31.77');
    await listen(network.internetNamespace(), 53, ROOT_NAME_SERVER_ADDRESS);
    assert.equal(await fetchFrom(HERE, 'http://198.19.31.77:53'), ADDRESSES.computer);
    assert.equal(await fetchFrom(at('a'), `http://${ROOT_NAME_SERVER_ADDRESS}:53`), '198.19.30.10');
  });

  test('a cut link swallows packets until it is up again, whatever is applied meanwhile', async () => {
    const open = withIngress(tcp(80, { cidr: '0.0.0.0/0' }));
    await network.apply(open);
    await network.setLink('eni-b', false);
    assert.equal(await refusedFrom(at('a'), 'http://172.16.0.70'), undefined);
    await network.apply({
      ...open,
      interfaces: [...open.interfaces, card('d', '172.16.0.72', 'subnet-private')],
    });
    assert.equal(await refusedFrom(at('a'), 'http://172.16.0.70'), undefined);
    await network.setLink('eni-b', true);
    assert.equal(await fetchFrom(at('a'), 'http://172.16.0.70'), '172.16.0.10');
  });

  test('an interface that is gone leaves no namespace, link or rule', async () => {
    await network.apply(model({ interfaces: model().interfaces.slice(0, 2) }));
    assert.equal((await namespacesOf(ADDRESSES.index)).includes('zw15-eni-c'), false);
    const links = await run('ip', ['-n', 'zw15-vpc-one', '-br', 'link']);
    assert.match(links, /e-eni-b/);
    assert.doesNotMatch(links, /e-eni-[cd]/);
    const rules = await run('ip', ['-n', 'zw15-vpc-one', 'rule']);
    assert.doesNotMatch(rules, /detached/);
  });

  test('a model that cannot be carried out leaves the one before in force', async () => {
    const open = withIngress(tcp(80, { cidr: '0.0.0.0/0' }));
    await network.apply(open);
    const wrong = card('e', '172.16.0.73', 'subnet-private', { macAddress: 'not-an-address' });
    await assert.rejects(network.apply({ ...open, interfaces: [...open.interfaces, wrong] }), CommandError);
    const bad = { ...open.securityGroups[0]!, ingress: [tcp(80, { cidr: 'nonsense' })] };
    await assert.rejects(
      network.apply({ ...open, interfaces: open.interfaces.slice(0, 2), securityGroups: [bad] }),
      CommandError,
    );
    assert.equal(await fetchFrom(at('a'), 'http://172.16.0.70'), '172.16.0.10');
    const right = card('e', '172.16.0.73', 'subnet-private');
    await network.apply({ ...open, interfaces: [...open.interfaces, right] });
    assert.ok(await succeeds(at('e'), ['ip', 'route', 'get', '172.16.0.70']));
  });

  test('a renewed namespace holds nothing of what was made in it', async () => {
    await network.apply(withIngress(tcp(80, { cidr: '0.0.0.0/0' })));
    await run('nsenter', [`--net=${at('c')}`, 'ip', 'link', 'add', 'left0', 'type', 'bridge']);
    await network.renewMachine?.('eni-c');
    assert.equal(await succeeds(at('c'), ['ip', 'link', 'show', 'left0']), false);
    assert.equal(await fetchFrom(at('c'), 'http://172.16.0.70'), '172.16.0.71');
  });

  test('a second owner starts from nothing', async () => {
    network = await openNetwork(settings(ADDRESSES));
    assert.deepEqual(await namespacesOf(ADDRESSES.index), ['zw15-inet']);
    assert.equal(network.internetNamespace(), namespacePath('zw15-inet'));
  });
});
