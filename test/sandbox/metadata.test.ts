/** The metadata service as EC2 documents it: sessions, paths, hop limit. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answer } from '../../sandbox/machines/metadata/answer.ts';
import type { MetadataAnswer } from '../../sandbox/machines/metadata/answer.ts';
import { openMetadata } from '../../sandbox/machines/metadata/metadata.ts';
import type { MetadataService } from '../../sandbox/machines/metadata/metadata.ts';
import { SessionTokens } from '../../sandbox/machines/metadata/tokens.ts';
import type { InstanceFacts, MetadataSource } from '../../sandbox/machines/model.ts';
import { run } from '../../sandbox/network/commands.ts';
import type { ObservableNetwork } from '../../sandbox/network/model.ts';
import { openNetwork } from '../../sandbox/network/network.ts';
import { METADATA_TEST_ADDRESSES, card, model, settings } from './network-fixture.ts';

const TOKEN = 'x-aws-ec2-metadata-token';
const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';

const facts = (changes: Partial<InstanceFacts> = {}): InstanceFacts => ({
  instanceId: 'i-a',
  imageId: 'ami-one',
  instanceType: 't3.small',
  hostname: 'ip-172-16-0-10.eu-central-1.compute.internal',
  privateIp: '172.16.0.10',
  publicIp: '198.19.30.10',
  macAddress: '02:00:00:00:00:0a',
  interfaceId: 'eni-a',
  subnetId: 'subnet-public',
  subnetCidr: '172.16.0.0/26',
  vpcId: 'vpc-one',
  vpcCidr: '172.16.0.0/23',
  availabilityZone: 'eu-central-1a',
  region: 'eu-central-1',
  accountId: '123456789012',
  securityGroupNames: ['director', 'all'],
  tags: { Name: 'a', 'zone role': 'director' },
  tagsInMetadata: true,
  instanceProfile: {
    arn: 'arn:aws:iam::123456789012:instance-profile/p',
    id: 'AIPA1',
    roleName: 'zone01-director',
  },
  ...changes,
});

const source = (changes: Partial<InstanceFacts> = {}): MetadataSource => ({
  facts: async (vpcId, privateIp) =>
    vpcId === 'vpc-one' && ['172.16.0.10', '172.16.0.70'].includes(privateIp)
      ? facts({ privateIp, instanceId: privateIp === '172.16.0.10' ? 'i-a' : 'i-b', ...changes })
      : undefined,
  credentials: async (instanceId) => ({
    accessKeyId: `ASIA-${instanceId}`,
    secretAccessKey: 'secret',
    token: 'session',
    expiration: new Date('2031-02-03T04:05:06.789Z'),
  }),
});

describe('IMDSv2', () => {
  const tokens = new SessionTokens();
  const ask = (method: string, path: string, headers = {}, from = source()): Promise<MetadataAnswer> =>
    answer({ method, path, headers, vpcId: 'vpc-one', address: '172.16.0.10' }, from, tokens);
  const get = async (path: string, changes: Partial<InstanceFacts> = {}): Promise<MetadataAnswer> => {
    const session = { [TOKEN]: tokens.issue('i-a', 60) };
    return ask('GET', path, session, source(changes));
  };
  const body = async (path: string, changes?: Partial<InstanceFacts>): Promise<string> => {
    const found = await get(path, changes);
    assert.equal(found.status, 200, path);
    return Buffer.from(found.body).toString();
  };

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
  test('a session starts with PUT and a lifetime between a second and six hours', async () => {
    const granted = await ask('PUT', '/latest/api/token', { [TTL]: '21600' });
    assert.equal(granted.status, 200);
    assert.equal(granted.headers?.[TTL], '21600');
    assert.ok(tokens.valid(String(granted.body), 'i-a'));
    for (const ttl of [undefined, '0', '21601', 'x', '-1']) {
      assert.equal((await ask('PUT', '/latest/api/token', { [TTL]: ttl })).status, 400, ttl);
    }
    assert.equal((await ask('GET', '/latest/api/token', { [TTL]: '60' })).status, 405);
    assert.equal(
      (await ask('PUT', '/latest/api/token', { [TTL]: '60', 'x-forwarded-for': '1.2.3.4' })).status,
      403,
    );
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-returns.html
  test('nothing is said without a token, with one of another instance, or with an old one', async () => {
    let now = 0;
    const aging = new SessionTokens(() => now);
    const token = aging.issue('i-a', 10);
    assert.ok(aging.valid(token, 'i-a'));
    assert.ok(!aging.valid(token, 'i-b'));
    now = 10_000;
    assert.ok(!aging.valid(token, 'i-a'));
    const path = '/latest/meta-data/instance-id';
    assert.equal((await ask('GET', path)).status, 401);
    assert.equal((await ask('GET', path, { [TOKEN]: 'forged' })).status, 401);
    assert.equal((await ask('GET', path, { [TOKEN]: tokens.issue('i-b', 60) })).status, 401);
    assert.equal((await ask('POST', path, { [TOKEN]: tokens.issue('i-a', 60) })).status, 405);
  });

  test('who is no instance of the VPC learns nothing', async () => {
    const request = { method: 'PUT', path: '/latest/api/token', headers: { [TTL]: '60' } };
    for (const [vpcId, address] of [
      ['vpc-two', '172.16.0.10'],
      ['vpc-one', '172.16.0.99'],
    ] as const) {
      assert.equal((await answer({ ...request, vpcId, address }, source(), tokens)).status, 404);
    }
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  test('folders list their entries with and without a slash at the end', async () => {
    for (const path of ['/latest/meta-data', '/latest/meta-data/', '/2021-03-23/meta-data/']) {
      const entries = (await body(path)).split('\n');
      for (const entry of ['ami-id', 'iam/', 'instance-id', 'network/', 'placement/', 'tags/']) {
        assert.ok(entries.includes(entry), `${entry} in ${path}`);
      }
    }
    assert.equal(await body('/latest/dynamic/instance-identity'), 'document');
    assert.equal(await body('/latest/meta-data/network/interfaces/macs/'), '02:00:00:00:00:0a/');
    assert.match(await body('/'), /^latest$/m);
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
  test('leaves say what EC2 says of the instance', async () => {
    const base = '/2021-03-23/meta-data';
    assert.equal(await body(`${base}/instance-id`), 'i-a');
    assert.equal(await body(`${base}/placement/region`), 'eu-central-1');
    assert.equal(await body(`${base}/public-ipv4`), '198.19.30.10');
    assert.equal(await body(`${base}/network/interfaces/macs/02:00:00:00:00:0a/subnet-id`), 'subnet-public');
    const { instanceId, region, accountId } = JSON.parse(
      await body('/latest/dynamic/instance-identity/document'),
    );
    assert.deepEqual([instanceId, region, accountId], ['i-a', 'eu-central-1', '123456789012']);
  });

  test('what an instance does not have is not there', async () => {
    for (const path of [
      '/latest/user-data',
      '/latest/meta-data/nonsense',
      '/latest/meta-data/constructor',
      '/1066-10-14/',
    ]) {
      assert.equal((await get(path)).status, 404, path);
    }
    assert.equal((await get('/latest/meta-data/tags/instance/', { tagsInMetadata: false })).status, 404);
    const { publicIp: _, ...bare } = facts();
    const { instanceProfile: __, ...barer } = bare;
    const from = { ...source(), facts: async () => barer };
    const session = { [TOKEN]: tokens.issue('i-a', 60) };
    assert.equal((await ask('GET', '/latest/meta-data/iam/info', session, from)).status, 404);
    assert.equal((await ask('GET', '/latest/meta-data/public-ipv4', session, from)).status, 404);
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
  test('user data come as the bytes that were given', async () => {
    const userData = Uint8Array.from([0, 255, 10, 128]);
    assert.deepEqual((await get('/latest/user-data', { userData })).body, userData);
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
  test('tags are listed and found by key, spaces included', async () => {
    assert.equal(await body('/latest/meta-data/tags/instance/'), 'Name\nzone role');
    assert.equal(await body('/latest/meta-data/tags/instance/zone%20role'), 'director');
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
  test('a role’s credentials are handed out in the form the SDK reads', async () => {
    const base = '/latest/meta-data/iam/security-credentials/';
    assert.equal(await body(base), 'zone01-director');
    const credentials = JSON.parse(await body(`${base}zone01-director`));
    assert.equal(credentials.Code, 'Success');
    assert.equal(credentials.AccessKeyId, 'ASIA-i-a');
    assert.equal(credentials.Expiration, '2031-02-03T04:05:06Z');
    assert.equal((await get(`${base}another`)).status, 404);
  });
});

describe('the service in a VPC', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  let network: ObservableNetwork;
  let service: MetadataService;
  const nested = 'zw14-nested';
  const put = [
    'curl',
    '-s',
    '--max-time',
    '0.5',
    '-X',
    'PUT',
    '-H',
    `${TTL}: 60`,
    'http://169.254.169.254/latest/api/token',
  ];
  const from = (namespace: string, command: readonly string[]): Promise<string> =>
    run('nsenter', [`--net=${namespace}`, ...command], { lenient: true });

  before(async () => {
    network = await openNetwork(settings(METADATA_TEST_ADDRESSES));
    service = await openMetadata({ network, source: source() });
    await network.apply(model());
  });
  after(async () => {
    await service.close();
    await network.destroy();
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  test('instances are told apart by address, and groups do not filter it', async () => {
    for (const [name, id] of [
      ['a', 'i-a'],
      ['b', 'i-b'],
    ] as const) {
      const namespace = network.machineNamespace(`eni-${name}`);
      const token = await from(namespace, put);
      const url = 'http://169.254.169.254/latest/meta-data/instance-id';
      assert.equal(await from(namespace, ['curl', '-s', '-H', `${TOKEN}: ${token}`, url]), id);
    }
  });

  test('an address that is not the interface’s own gets no answer', async () => {
    const namespace = network.machineNamespace('eni-a');
    await from(namespace, ['ip', 'addr', 'add', '172.16.0.70/32', 'dev', 'lo']);
    assert.equal(await from(namespace, [...put, '--interface', '172.16.0.70']), '');
    await from(namespace, ['ip', 'addr', 'del', '172.16.0.70/32', 'dev', 'lo']);
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html: HttpPutResponseHopLimit
  test('answers travel as many hops as the instance allows', async () => {
    await nest(network.machineNamespace('eni-a'), nested);
    const inside = `/run/netns/${nested}`;
    assert.equal(await from(inside, put), '', 'one hop ends at the machine');
    const [a, ...others] = model().interfaces;
    assert.ok(a);
    await network.apply(model({ interfaces: [{ ...a, metadataHopLimit: 2 }, ...others] }));
    assert.notEqual(await from(inside, put), '');
  });

  test('it comes and goes with VPCs', async () => {
    const two = {
      ...model(),
      vpcs: [...model().vpcs, { id: 'vpc-two', cidrs: ['172.16.2.0/24'], internetGateway: false }],
      subnets: [
        ...model().subnets,
        { id: 'subnet-two', vpcId: 'vpc-two', cidr: '172.16.2.0/24', routeTableId: 'none' },
      ],
      interfaces: [
        ...model().interfaces,
        card('z', '172.16.2.10', 'subnet-two', { vpcId: 'vpc-two', securityGroupIds: [] }),
      ],
    };
    await network.apply(two);
    // Nothing is known of this instance, but somebody answers.
    assert.match(await from(network.machineNamespace('eni-z'), put), /404/);
    await network.apply(model());
    assert.notEqual(await from(network.machineNamespace('eni-b'), put), '');
  });
});

/** A namespace behind a machine's, as a container on a bridge has: one more hop, translated to the machine's address. */
async function nest(machine: string, name: string): Promise<void> {
  const script = `set -e
    ip netns add ${name}
    nsenter --net=${machine} sh -ec '
      ip link add inner0 type veth peer name outer0 netns ${name}
      ip addr add 10.9.0.1/24 dev inner0; ip link set inner0 up
      echo 1 >/proc/sys/net/ipv4/ip_forward
      nft add table ip nested
      nft "add chain ip nested out { type nat hook postrouting priority srcnat; }"
      nft add rule ip nested out ip saddr 10.9.0.0/24 masquerade'
    ip -n ${name} addr add 10.9.0.2/24 dev outer0
    ip -n ${name} link set outer0 up
    ip -n ${name} route add default via 10.9.0.1`;
  await run('sh', ['-s'], { input: script });
}
