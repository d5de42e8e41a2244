import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  ListResourceRecordSetsCommand,
  ListTagsForResourceCommand,
} from '@aws-sdk/client-route-53';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { delegationSetEffect } from '../../activities/delegation-set.ts';
import { dnsRecordsEffect } from '../../activities/dns-records.ts';
import { stepToken } from '../../activities/effect.ts';
import { hostedZoneEffect } from '../../activities/hosted-zone.ts';
import { ownerTags, type Owner } from '../../domain/resources/resource.ts';
import { startCloud, type Cloud } from './emulator.ts';
import { effectRunner, someOwner, untilSettled } from './run-effect.ts';

const signal = new AbortController().signal;
const contextOf = (owner: Owner, attempt: number) => ({
  owner,
  token: stepToken(owner),
  tags: ownerTags(owner, attempt),
  signal,
});

suite('effects of names', () => {
  let cloud: Cloud;
  let delegationSetId: string;
  let nameServers: readonly string[];

  before(async () => {
    cloud = await startCloud();
    const sets = effectRunner('delegation-set', delegationSetEffect(cloud.clients));
    const plan = { callerReference: 'zonewright-123456789012' };
    const set = await sets.create({ owner: someOwner('set'), plan });
    delegationSetId = set.id;
    nameServers = set.nameServers;
  });
  after(() => cloud.stop());

  test('the delegation set of an account is the same for every zone, and never deleted', async () => {
    const sets = effectRunner('delegation-set', delegationSetEffect(cloud.clients));
    const input = { owner: someOwner('set'), plan: { callerReference: 'zonewright-123456789012' } };
    assert.deepEqual(await sets.create(input), { id: delegationSetId, nameServers });
    assert.equal(nameServers.length, 4);
    await sets.delete(input);
    assert.equal((await sets.describe(input)).length, 1);
  });

  test('a hosted zone is created once, tagged after a crash, and deleted with its records', async () => {
    const effect = hostedZoneEffect(cloud.clients);
    const zones = effectRunner('hosted-zone', effect);
    const input = {
      owner: someOwner('zone'),
      plan: { domain: 'zone03.prod.example.com', delegationSetId },
    };
    const bare = await effect.create(input.plan, contextOf(input.owner, 1));
    assert.deepEqual(bare.nameServers, nameServers);
    assert.deepEqual(await zones.create(input, { attempt: 2 }), bare);
    assert.deepEqual(await zones.create(input), bare);
    const tagged = new ListTagsForResourceCommand({ ResourceType: 'hostedzone', ResourceId: bare.id });
    const { ResourceTagSet } = await cloud.clients.route53.send(tagged);
    assert.ok(ResourceTagSet?.Tags?.some(({ Value }) => Value === input.owner.operation));
    const scopes = [
      { operation: input.owner.operation },
      { zone: 'zone03', environment: 'prod.example.com' },
    ];
    assert.ok(effect.leftovers !== 'with its parent');
    for (const scope of scopes) {
      assert.deepEqual(
        (await effect.leftovers(scope, { signal })).map(({ id, step }) => [id, step]),
        [[bare.id, 'zone']],
      );
    }
    await cloud.clients.route53.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: bare.id,
        ChangeBatch: {
          Changes: [
            {
              Action: 'CREATE',
              ResourceRecordSet: {
                Name: 'other.zone03.prod.example.com',
                Type: 'A',
                TTL: 60,
                ResourceRecords: [{ Value: '192.0.2.1' }],
              },
            },
          ],
        },
      }),
    );
    await zones.delete(input);
    await zones.delete(input);
    assert.deepEqual(await zones.describe(input), []);
  });

  test('a hosted zone of that name that somebody else made is neither adopted nor deleted', async () => {
    const zones = effectRunner('hosted-zone', hostedZoneEffect(cloud.clients));
    const create = new CreateHostedZoneCommand({
      Name: 'zone04.prod.example.com',
      CallerReference: 'theirs',
    });
    await cloud.clients.route53.send(create);
    const input = {
      owner: someOwner('zone'),
      plan: { domain: 'zone04.prod.example.com', delegationSetId },
    };
    await assert.rejects(zones.create(input), { type: 'ForeignResource' });
    await zones.delete(input);
    assert.equal((await zones.describe(input)).length, 1);
  });

  test('records are written as one batch, wait for all name servers, and go as they came', async () => {
    const zones = effectRunner('hosted-zone', hostedZoneEffect(cloud.clients));
    const records = effectRunner('dns-records', dnsRecordsEffect(cloud.clients));
    const zone = { owner: someOwner('zone'), plan: { domain: 'zone05.prod.example.com', delegationSetId } };
    const { id: hostedZoneId } = await zones.create(zone);
    const record = (name: string, type: 'A' | 'TXT', ...values: string[]) => ({
      name,
      type,
      ttlSeconds: 60,
      values,
    });
    const input = {
      owner: someOwner('records'),
      plan: {
        hostedZoneId,
        records: [
          record('border.zone05.prod.example.com', 'A', '192.0.2.2', '192.0.2.1'),
          record('*.zone05.prod.example.com', 'A', '192.0.2.1'),
          record('zone05.prod.example.com', 'TXT', 'made by "zonewright"'),
        ],
      },
    };
    const ref = await records.create(input);
    await assert.rejects(records.ready({ ...input, known: ref }), { type: 'NotYet' });
    await untilSettled(() => records.ready({ ...input, known: ref }));
    const again = await records.create(input, { attempt: 2 });
    assert.equal(again.id, ref.id);
    await untilSettled(() => records.ready({ ...input, known: again }));
    const [first] = input.plan.records;
    const other = { ...input, plan: { hostedZoneId, records: [{ ...first!, values: ['192.0.2.9'] }] } };
    await assert.rejects(
      records.create(other),
      /border.zone05.prod.example.com A is \["192.0.2.1","192.0.2.2"\]/,
    );
    await records.delete(other);
    assert.equal(await recordCount(cloud, hostedZoneId), 5);
    await records.delete(input);
    await records.delete(input);
    assert.equal(await recordCount(cloud, hostedZoneId), 2);
    await zones.delete(zone);
    await records.delete(input);
  });

  test('a delegation that was forgotten in the parent is left over of its zone', async () => {
    const effect = dnsRecordsEffect(cloud.clients);
    const records = effectRunner('dns-records', effect);
    const create = new CreateHostedZoneCommand({ Name: 'prod.example.com', CallerReference: 'parent' });
    const { HostedZone } = await cloud.clients.route53.send(create);
    const hostedZoneId = HostedZone?.Id?.split('/').at(-1) ?? '';
    const delegation = {
      name: 'zone06.prod.example.com',
      type: 'NS' as const,
      ttlSeconds: 3600,
      values: [...nameServers],
    };
    const input = { owner: someOwner('delegation'), plan: { hostedZoneId, records: [delegation] } };
    await records.create(input);
    assert.ok(effect.leftovers !== 'with its parent');
    const find = effect.leftovers;
    const scope = { zone: 'zone06', environment: 'prod.example.com' };
    const left = await find(scope, { signal });
    assert.deepEqual(
      left.map(({ id }) => id),
      [`${hostedZoneId}/zone06.prod.example.com NS`],
    );
    for (const { ref } of left) await effect.remove(ref, undefined, { signal });
    assert.deepEqual(await find(scope, { signal }), []);
    assert.deepEqual(await records.describe(input), []);
  });
});

async function recordCount(cloud: Cloud, HostedZoneId: string): Promise<number> {
  const answer = await cloud.clients.route53.send(new ListResourceRecordSetsCommand({ HostedZoneId }));
  return answer.ResourceRecordSets?.length ?? 0;
}
