import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  ListResourceRecordSetsCommand,
} from '@aws-sdk/client-route-53';
import type { RRType } from '@aws-sdk/client-route-53';
import { openDns } from '../../sandbox/dns/open-dns.ts';
import type { Dns } from '../../sandbox/dns/open-dns.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { startFront, until } from './aws-front.ts';
import type { TestFront } from './aws-front.ts';

const run = promisify(execFile);
const ROOT = '198.18.255.53';
const RESOLVER = '198.18.255.54';
const name = `zwtest-dns-${process.pid}`;
let front: TestFront;
let dns: Dns;

before(async () => {
  front = await startFront();
  await run('ip', ['netns', 'add', name]);
  await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  for (const cidr of ['198.18.255.0/24', '198.18.2.0/24']) {
    await run('ip', ['-n', name, 'route', 'add', 'local', cidr, 'dev', 'lo']);
  }
  dns = await openDns({
    ...{ home: front.home, namespace: `/run/netns/${name}`, route53: front.front.route53 },
    ...{ coredns: await obtain('coredns'), unbound: await obtain('unbound') },
    ...{ domains: ['dev.zonewright.test'], resolver: '198.18.2.253' },
  });
});
after(async () => {
  await dns?.close();
  await run('ip', ['netns', 'del', name]);
  await front[Symbol.asyncDispose]();
});

/** Asks one server from inside the sandbox's internet; an error's code where it has no answer. */
async function ask(server: string, host: string, type: string): Promise<unknown> {
  const script = `const r = new (require('node:dns').promises.Resolver)({ timeout: 1000, tries: 2 });
    r.setServers([process.argv[1]]);
    r.resolve(process.argv[2], process.argv[3]).then((a) => a, (e) => e.code).then((a) => console.log(JSON.stringify(a)));`;
  const args = [`--net=/run/netns/${name}`, process.execPath, '-e', script, server, host, type];
  return JSON.parse((await run('nsenter', args)).stdout) as unknown;
}

const createZone = async (domain: string): Promise<{ id: string; servers: string[] }> => {
  const made = await front.route53.send(
    new CreateHostedZoneCommand({ Name: domain, CallerReference: `create-${domain}` }),
  );
  return { id: made.HostedZone!.Id!, servers: made.DelegationSet!.NameServers! };
};
const put = (
  HostedZoneId: string,
  Name: string,
  Type: RRType,
  values: readonly string[],
): Promise<unknown> => {
  const ResourceRecordSet = { Name, Type, TTL: 60, ResourceRecords: values.map((Value) => ({ Value })) };
  const ChangeBatch = { Changes: [{ Action: 'UPSERT' as const, ResourceRecordSet }] };
  return front.route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch }));
};

// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-routing-traffic-for-subdomains.html
test('a hosted zone is reached from the root once its parent has NS records for it, and no sooner', async () => {
  const parent = await createZone('dev.zonewright.test');
  const child = await createZone('zone03.dev.zonewright.test');
  await put(parent.id, 'www.dev.zonewright.test', 'A', ['192.0.2.1']);
  await put(child.id, 'api.zone03.dev.zonewright.test', 'A', ['192.0.2.7', '192.0.2.8']);
  await until(
    async () => JSON.stringify(await ask(RESOLVER, 'www.dev.zonewright.test', 'A')) === '["192.0.2.1"]',
  );
  const own = front.front.route53.store.zones.get(child.id.split('/').at(-1)!)!.delegationSet.addresses;
  const atServer = await until(async () => {
    const found = await ask(own[2]!, 'api.zone03.dev.zonewright.test', 'A');
    return Array.isArray(found) && (found as string[]);
  });
  assert.deepEqual(atServer.toSorted(), ['192.0.2.7', '192.0.2.8']);
  assert.deepEqual(
    ((await ask(own[0]!, 'zone03.dev.zonewright.test', 'NS')) as string[]).toSorted(),
    child.servers.toSorted(),
  );
  assert.equal(await ask(RESOLVER, 'api.zone03.dev.zonewright.test', 'A'), 'ENOTFOUND');
  await put(
    parent.id,
    'zone03.dev.zonewright.test',
    'NS',
    child.servers.map((server) => `${server}.`),
  );
  const walked = await until(async () => {
    const found = await ask(RESOLVER, 'api.zone03.dev.zonewright.test', 'A');
    return Array.isArray(found) && (found as string[]);
  });
  assert.deepEqual(walked.toSorted(), ['192.0.2.7', '192.0.2.8']);
});

// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html
test('records of other types, wildcards and aliases are served as they were put', async () => {
  const zone = await createZone('types.zonewright.test');
  dns.register('types.zonewright.test');
  const at = (host: string, type: string): Promise<unknown> => ask(RESOLVER, host, type);
  await put(zone.id, 'types.zonewright.test', 'A', ['192.0.2.9']);
  await put(zone.id, '*.types.zonewright.test', 'CNAME', ['types.zonewright.test.']);
  await put(zone.id, 'note.types.zonewright.test', 'TXT', ['"a note" "in two"']);
  await put(zone.id, '_etcd._tcp.types.zonewright.test', 'SRV', ['0 5 2380 etcd.types.zonewright.test.']);
  await put(zone.id, 'six.types.zonewright.test', 'AAAA', ['2001:db8::1']);
  const AliasTarget = {
    HostedZoneId: zone.id.split('/').at(-1)!,
    DNSName: 'types.zonewright.test',
    EvaluateTargetHealth: false,
  };
  const alias = {
    Action: 'CREATE',
    ResourceRecordSet: { Name: 'alias.types.zonewright.test', Type: 'A', AliasTarget },
  } as const;
  await front.route53.send(
    new ChangeResourceRecordSetsCommand({ HostedZoneId: zone.id, ChangeBatch: { Changes: [alias] } }),
  );
  await until(async () => Array.isArray(await at('alias.types.zonewright.test', 'A')));
  assert.deepEqual(await at('alias.types.zonewright.test', 'A'), ['192.0.2.9']);
  assert.deepEqual(await at('anything.types.zonewright.test', 'CNAME'), ['types.zonewright.test']);
  assert.deepEqual(await at('anything.types.zonewright.test', 'A'), ['192.0.2.9']);
  assert.deepEqual(await at('note.types.zonewright.test', 'TXT'), [['a note', 'in two']]);
  assert.deepEqual(await at('six.types.zonewright.test', 'AAAA'), ['2001:db8::1']);
  const srv = (await at('_etcd._tcp.types.zonewright.test', 'SRV')) as Array<{ port: number }>;
  assert.equal(srv[0]?.port, 2380);
});

test('a zone that is deleted is no longer served, and one that is not registered never was', async () => {
  const { id } = await createZone('short.zonewright.test');
  await put(id, 'a.short.zonewright.test', 'A', ['192.0.2.3']);
  assert.equal(await ask(RESOLVER, 'a.short.zonewright.test', 'A'), 'ENOTFOUND');
  dns.register('short.zonewright.test');
  await until(async () => Array.isArray(await ask(RESOLVER, 'a.short.zonewright.test', 'A')));
  const { ResourceRecordSets } = await front.route53.send(
    new ListResourceRecordSetsCommand({ HostedZoneId: id }),
  );
  const Changes = ResourceRecordSets!
    .filter(({ Type }) => Type === 'A')
    .map((ResourceRecordSet) => ({ Action: 'DELETE' as const, ResourceRecordSet }));
  await front.route53.send(
    new ChangeResourceRecordSetsCommand({ HostedZoneId: id, ChangeBatch: { Changes } }),
  );
  await front.route53.send(new DeleteHostedZoneCommand({ Id: id }));
  await until(async () => (await ask(ROOT, 'short.zonewright.test', 'NS')) === 'ENOTFOUND');
  await until(async () => (await ask(RESOLVER, 'a.short.zonewright.test', 'A')) === 'ENOTFOUND', 8000);
});
