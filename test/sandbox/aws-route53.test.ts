import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  ChangeResourceRecordSetsCommand,
  ChangeTagsForResourceCommand,
  CreateHostedZoneCommand,
  CreateReusableDelegationSetCommand,
  DeleteHostedZoneCommand,
  DeleteReusableDelegationSetCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  ListHostedZonesByNameCommand,
  ListHostedZonesCommand,
  ListResourceRecordSetsCommand,
  ListTagsForResourceCommand,
  waitUntilResourceRecordSetsChanged,
} from '@aws-sdk/client-route-53';
import type { ChangeAction, RRType } from '@aws-sdk/client-route-53';
import { refusal, startFront } from './aws-front.ts';
import type { TestFront } from './aws-front.ts';

let front: TestFront;
before(async () => {
  front = await startFront();
});
after(() => front[Symbol.asyncDispose]());

const create = async (Name: string, CallerReference = Name, DelegationSetId?: string) => {
  const input = { Name, CallerReference, ...(DelegationSetId === undefined ? {} : { DelegationSetId }) };
  const made = await front.route53.send(new CreateHostedZoneCommand(input));
  return { id: made.HostedZone!.Id!, servers: made.DelegationSet!.NameServers! };
};
const change = async (HostedZoneId: string, ...changes: Array<[ChangeAction, string, RRType, string[]]>) => {
  const Changes = changes.map(([Action, Name, Type, values]) => ({
    Action,
    ResourceRecordSet: { Name, Type, TTL: 60, ResourceRecords: values.map((Value) => ({ Value })) },
  }));
  const answer = await front.route53.send(
    new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } }),
  );
  return answer.ChangeInfo!;
};
const list = async (HostedZoneId: string, more: object = {}) =>
  (await front.route53.send(new ListResourceRecordSetsCommand({ HostedZoneId, ...more })))
    .ResourceRecordSets!;

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html
test('a caller reference makes one zone, with four name servers of its own and right apex records', async () => {
  const first = await create('a.example.test');
  assert.equal(await refusal(create('other.example.test', 'a.example.test')), 'HostedZoneAlreadyExists');
  const second = await create('a.example.test', 'again');
  assert.equal(new Set([...first.servers, ...second.servers]).size, 8);
  const [ns, soa] = await list(first.id);
  assert.deepEqual(
    ns?.ResourceRecords?.map(({ Value }) => Value),
    first.servers.map((server) => `${server}.`),
  );
  assert.match(soa!.ResourceRecords![0]!.Value!, new RegExp(`^${first.servers[0]}\\. `));
  const got = await front.route53.send(new GetHostedZoneCommand({ Id: first.id }));
  assert.deepEqual(got.DelegationSet?.NameServers, first.servers);
});

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateReusableDelegationSet.html
test('zones of one reusable delegation set share its servers and may not contain each other', async () => {
  const reusable = async (CallerReference: string) =>
    (await front.route53.send(new CreateReusableDelegationSetCommand({ CallerReference }))).DelegationSet!;
  const set = await reusable('account');
  assert.equal(await refusal(reusable('account')), 'DelegationSetAlreadyCreated');
  const zone = await create('prod.shared.test', 'shared-1', set.Id);
  assert.deepEqual(zone.servers, set.NameServers);
  for (const name of ['prod.shared.test', 'zone.prod.shared.test', 'shared.test']) {
    assert.equal(await refusal(create(name, `conflict-${name}`, set.Id)), 'ConflictingDomainExists');
  }
  await create('dev.shared.test', 'shared-2', set.Id);
  const remove = new DeleteReusableDelegationSetCommand({ Id: set.Id! });
  assert.equal(await refusal(front.route53.send(remove)), 'DelegationSetInUse');
});

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
test('a batch holds as a whole or not at all, and says what stands against it', async () => {
  const { id } = await create('batch.test');
  await change(id, ['CREATE', 'www.batch.test', 'A', ['192.0.2.1']]);
  await assert.rejects(
    change(
      id,
      ['CREATE', 'new.batch.test', 'A', ['192.0.2.2']],
      ['CREATE', 'www.batch.test', 'A', ['192.0.2.3']],
    ),
    { name: 'InvalidChangeBatch', message: /\[name='www\.batch\.test\.', type='A'\] but it already exists/ },
  );
  assert.deepEqual(
    (await list(id)).map(({ Name, Type }) => `${Name} ${Type}`),
    ['batch.test. NS', 'batch.test. SOA', 'www.batch.test. A'],
  );
  const codes = await Promise.all(
    [
      change(id, ['DELETE', 'www.batch.test', 'A', ['192.0.2.9']]),
      change(id, ['DELETE', 'none.batch.test', 'A', ['192.0.2.9']]),
      change(id, ['CREATE', 'www.batch.test', 'CNAME', ['batch.test']]),
      change(id, ['CREATE', 'www.elsewhere.test', 'A', ['192.0.2.9']]),
      change(id, ['UPSERT', 'x.batch.test', 'A', ['not an address']]),
      change(id, ['UPSERT', 'x.batch.test', 'TXT', ['no quotes']]),
    ].map(refusal),
  );
  assert.deepEqual([...new Set(codes)], ['InvalidChangeBatch']);
  await change(
    id,
    ['UPSERT', 'www.batch.test', 'A', ['192.0.2.4']],
    ['UPSERT', '*.batch.test', 'A', ['192.0.2.5']],
  );
  const records = await list(id);
  assert.ok(records.some(({ Name }) => Name === String.raw`\052.batch.test.`));
  const from = await list(id, { StartRecordName: 'www.batch.test', MaxItems: 1 });
  assert.deepEqual(
    from.map(({ Name, ResourceRecords }) => [Name, ResourceRecords?.[0]?.Value]),
    [['www.batch.test.', '192.0.2.4']],
  );
});

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html
test('a change is pending until all name servers have it', async () => {
  const { id } = await create('pending.test');
  const { Id, Status } = await change(id, ['CREATE', 'a.pending.test', 'A', ['192.0.2.1']]);
  assert.equal(Status, 'PENDING');
  await waitUntilResourceRecordSetsChanged({ client: front.route53, maxWaitTime: 10, minDelay: 1 }, { Id });
  assert.equal((await front.route53.send(new GetChangeCommand({ Id }))).ChangeInfo?.Status, 'INSYNC');
});

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html
test('a zone that holds records is not deleted; an empty one is, with its servers', async () => {
  const { id } = await create('delete.test');
  await change(id, ['CREATE', 'a.delete.test', 'A', ['192.0.2.1']]);
  const remove = () => front.route53.send(new DeleteHostedZoneCommand({ Id: id }));
  assert.equal(await refusal(remove()), 'HostedZoneNotEmpty');
  await change(id, ['DELETE', 'a.delete.test', 'A', ['192.0.2.1']]);
  await remove();
  assert.equal(await refusal(front.route53.send(new GetHostedZoneCommand({ Id: id }))), 'NoSuchHostedZone');
});

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByName.html
test('zones are listed in pages, by name, and carry tags', async () => {
  const { id } = await create('zone.list.test');
  await create('list.test');
  const page = await front.route53.send(new ListHostedZonesCommand({ MaxItems: 1 }));
  assert.deepEqual([page.IsTruncated, page.HostedZones?.length], [true, 1]);
  const byName = await front.route53.send(
    new ListHostedZonesByNameCommand({ DNSName: 'list.test', MaxItems: 2 }),
  );
  assert.deepEqual(
    byName.HostedZones?.map(({ Name }) => Name),
    ['list.test.', 'zone.list.test.'],
  );
  const ResourceId = id.split('/').at(-1)!;
  const resource = { ResourceType: 'hostedzone', ResourceId } as const;
  await front.route53.send(
    new ChangeTagsForResourceCommand({
      ...resource,
      AddTags: [
        { Key: 'zone', Value: 'a' },
        { Key: 'x', Value: 'y' },
      ],
    }),
  );
  await front.route53.send(new ChangeTagsForResourceCommand({ ...resource, RemoveTagKeys: ['x'] }));
  const tags = await front.route53.send(new ListTagsForResourceCommand(resource));
  assert.deepEqual(tags.ResourceTagSet?.Tags, [{ Key: 'zone', Value: 'a' }]);
});
