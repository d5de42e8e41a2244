/** Members of a real etcd join as learners, are promoted and leave; each step is one life of the same cluster. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { etcdMemberChecks } from '../../activities/checks/etcd-members.ts';
import { connectEtcd, dialMembers, etcdOf } from '../../activities/cloud/etcd.ts';
import { examineMembers, withEtcd } from '../../activities/cloud/etcd-members.ts';
import { etcdMemberEffect } from '../../activities/etcd-member.ts';
import { etcdVoterEffect } from '../../activities/etcd-voter.ts';
import type { MemberOf } from '../../domain/resources/etcd-member.ts';
import type { Owner } from '../../domain/resources/resource.ts';
import { openEtcdCluster, type EtcdCluster, type Place } from './etcd-cluster.ts';
import {
  deleteUntilGone,
  effectRunner,
  inActivity,
  SETTINGS,
  someOwner,
  untilSettled,
} from './run-effect.ts';

suite('members of etcd', { timeout: 180_000 }, () => {
  let etcd: EtcdCluster;
  before(async () => {
    etcd = await openEtcdCluster(4);
    await etcd.start(place(0));
    await untilSettled(() => inActivity(() => checks()['etcd.members']({ cluster: 'kubernetes' })));
  });
  after(() => etcd.stop());

  const place = (slot: number): Place => etcd.places[slot]!;
  const of = () => etcdOf({ kubernetes: etcd.access });
  const checks = () => etcdMemberChecks(of());
  const member = () => effectRunner('etcd-member', etcdMemberEffect(of()));
  const voter = () => effectRunner('etcd-voter', etcdVoterEffect(of(), SETTINGS));
  const named = ({ name, peerUrl }: Place): MemberOf => ({ cluster: 'kubernetes', name, peerUrl });
  const beside = (...slots: number[]) =>
    Object.fromEntries(slots.map(place).map(({ name, peerUrl }) => [name, peerUrl]));
  const inputOf = (owner: Owner, slot: number, ...others: number[]) => ({
    owner,
    plan: { ...named(place(slot)), others: beside(...others) },
  });
  /** A voter is a capital, one that does not answer in brackets, a learner small; `?` has not started. */
  const word = async (): Promise<string> => {
    const members = await examineMembers(etcd.access);
    const letter = ({ name, isLearner, started, healthy }: (typeof members)[number]) => {
      const mark = started ? (isLearner ? name.at(-1) : `V${name.at(-1)}`) : '?';
      return healthy || !started ? mark : `(${mark})`;
    };
    return members
      .map((one) => letter(one) ?? '')
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join(' ');
  };
  const until = (expected: string) =>
    untilSettled(async () => {
      const now = await word();
      if (now !== expected)
        throw Object.assign(new Error(`${now}, expected ${expected}`), { type: 'NotYet' });
    });

  const lead = async (next: Place): Promise<void> => {
    const statuses = await dialMembers(etcd.access);
    const heir = statuses.find(({ endpoint }) => endpoint === next.clientUrl)?.id;
    const leader = statuses.find(({ id, leader: known }) => id === known);
    if (heir === undefined || !leader || leader.id === heir) return;
    const client = connectEtcd(etcd.access, [leader.endpoint]);
    await client.maintenance.moveLeader({ targetID: heir }).finally(() => client.close());
  };

  const joined = { 1: someOwner('join-1'), 2: someOwner('join-2') };

  test('a learner is added once, and taken back as if it had not been', async () => {
    const input = inputOf(someOwner('aborted'), 1, 0);
    const ref = await untilSettled(() => member().create(input));
    assert.deepEqual(await member().create(input), ref);
    assert.equal(await word(), '? V0');
    await assert.rejects(member().create({ ...input, owner: someOwner('other') }), {
      type: 'ForeignResource',
      message: /it was not made by this operation/,
    });
    await member().delete({ ...input, owner: someOwner('other') });
    assert.equal(await word(), '? V0');
    await assert.rejects(
      inActivity(() => checks()['etcd.admits'](named(place(2)))),
      { type: 'GateFailed', message: /has not started; remove first: \d+ at http/ },
    );
    await deleteUntilGone(member().delete, input);
    await member().delete(input);
    assert.equal(await word(), 'V0');
    const keys = await withEtcd(etcd.access, 'count', (client) =>
      client.getAll().prefix('/zonewright/members/').count(),
    );
    assert.equal(keys, 0);
  });

  test('a member that was planned for another company is not added', async () => {
    await assert.rejects(member().create(inputOf(someOwner(), 1, 0, 2)), {
      type: 'GateFailed',
      message: /planned beside director-0 .*, director-2 .*; the members are director-0 \(http[^,]*$/,
    });
    assert.equal(await word(), 'V0');
  });

  test('a learner is promoted once it has started and caught up, and not before', async () => {
    const input = inputOf(joined[1], 1, 0);
    const vote = { owner: { ...joined[1], step: 'vote-1' }, plan: named(place(1)) };
    await assert.rejects(voter().create(vote), { type: 'GateFailed', message: /there is none at http/ });
    const { id } = await untilSettled(() => member().create(input));
    await assert.rejects(voter().create(vote), { type: 'NotYet', message: /has not started/ });
    assert.deepEqual(await voter().describe(vote), []);
    await etcd.start(place(1), [place(0)]);
    assert.deepEqual(await untilSettled(() => voter().create(vote)), { id });
    assert.deepEqual(await voter().create(vote), { id });
    await until('V0 V1');
    // Once more from the beginning, as after a reset of the operation: it is still its own.
    assert.deepEqual(await member().create(input), { id });
  });

  test('a third comes the same way; one that is called otherwise is nobody’s', async () => {
    const input = inputOf(joined[2], 2, 0, 1);
    await untilSettled(() => member().create(input));
    await etcd.start({ ...place(2), name: 'stranger' }, [place(0), place(1)]);
    await until('V0 V1 r');
    await assert.rejects(member().create(input), {
      type: 'ForeignResource',
      message: /name is "?stranger"?, planned "?director-2"?/,
    });
    await member().delete(input);
    assert.equal(await word(), 'V0 V1 r');
    const stale = { zone: 'zone03', epoch: 1, number: 7, operation: 'remove-zone03-director-2' };
    const fenced = etcdMemberChecks(of(), async () => ({ ...stale, number: 8, operation: 'another' }));
    await assert.rejects(
      inActivity(() => fenced['etcd.remove']({ ...named(place(2)), fence: stale })),
      { type: 'Fenced', message: /has lost its lease on zone "zone03"/ },
    );
    assert.equal(await word(), 'V0 V1 r');
    const removed = () => inActivity(() => checks()['etcd.remove'](named(place(2))));
    await untilSettled(removed);
    await removed();
    await etcd.kill({ ...place(2), name: 'stranger' });
    await until('V0 V1');
    const again = inputOf(joined[2], 2, 0, 1);
    await untilSettled(() => member().create(again));
    await etcd.start(place(2), [place(0), place(1)]);
    const vote = { owner: { ...joined[2], step: 'vote-2' }, plan: named(place(2)) };
    await untilSettled(() => voter().create(vote));
    await until('V0 V1 V2');
  });

  test('with one dead, the healthy ones must stay; the dead one may go; nobody comes before', async () => {
    await etcd.kill(place(0));
    await until('(V0) V1 V2');
    const releases = (slot: number) => inActivity(() => checks()['etcd.releases'](named(place(slot))));
    const refused = {
      type: 'GateFailed',
      message:
        /without member "director-1" quorum would be lost: 1 of 2 voters healthy, 2 needed.*remove first: "director-0"/,
    };
    await assert.rejects(releases(1), refused);
    await assert.rejects(
      inActivity(() => checks()['etcd.remove'](named(place(1)))),
      refused,
    );
    await assert.rejects(
      voter().delete({ owner: { ...joined[1], step: 'vote-1' }, plan: named(place(1)) }),
      refused,
    );
    await assert.rejects(
      inActivity(() => checks()['etcd.admits'](named(place(3)))),
      {
        message: /"director-0" is not healthy; remove first: "director-0"/,
      },
    );
    assert.equal(await word(), '(V0) V1 V2');
    assert.equal((await releases(0))?.after.healthy, 2);
    // The first of all, which no operation took in, goes like any other.
    await untilSettled(() => inActivity(() => checks()['etcd.remove'](named(place(0)))));
    await until('V1 V2');
    assert.equal(await releases(0), undefined);
  });

  test('back to one: a vote that is taken back takes the member out, and the last stays', async () => {
    const vote = { owner: { ...joined[1], step: 'vote-1' }, plan: named(place(1)) };
    await lead(place(1));
    const start = Date.now();
    await deleteUntilGone(voter().delete, vote);
    // A leader that went without a word would cost the others' next write its time-out of seven seconds.
    assert.ok(Date.now() - start < 5_000, `${Date.now() - start} ms`);
    await voter().delete(vote);
    await deleteUntilGone(member().delete, inputOf(joined[1], 1, 0));
    await until('V2');
    await assert.rejects(
      inActivity(() => checks()['etcd.remove'](named(place(2)))),
      {
        type: 'GateFailed',
        message: /"director-2" is the only voter/,
      },
    );
    assert.equal(await word(), 'V2');
  });

  test('without a majority nothing is even projected', async () => {
    await etcd.kill(place(2));
    await assert.rejects(
      inActivity(() => checks()['etcd.releases'](named(place(2)))),
      {
        type: 'NotYet',
        message: /no member answers with a leader/,
      },
    );
    assert.throws(() => of()('discovery'), { type: 'InvalidInput' });
  });
});
