import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { projectChange, type EtcdMember, type MembershipChange } from '../../domain/etcd/quorum.ts';

/**
 * A cluster as a word: `V` a healthy voter, `v` one that does not answer, `u` a voter that never started, `L` a
 * healthy learner, `l` one that does not answer, `n` a learner that never started. Ids are places in the word.
 */
const cluster = (word: string): EtcdMember[] =>
  word.split('').map((letter, at) => {
    const started = !'un'.includes(letter);
    return {
      id: String(at),
      name: started ? `director-${at}` : '',
      peerUrls: [`https://172.16.0.${at}:2380`],
      isLearner: 'Lln'.includes(letter),
      started,
      healthy: 'VL'.includes(letter),
    };
  });

const remove = (id: number): MembershipChange => ({ change: 'remove', id: String(id) });
const promote = (id: number): MembershipChange => ({ change: 'promote', id: String(id) });
const add: MembershipChange = {
  change: 'add-learner',
  name: 'director-9',
  peerUrl: 'https://172.16.0.9:2380',
};

interface Case {
  readonly members: string;
  readonly change: MembershipChange;
  /** Absent: allowed. */
  readonly because?: readonly RegExp[];
  readonly first?: readonly number[];
  /** Healthy, needed, of so many voters afterwards. */
  readonly after?: readonly [number, number, number];
  readonly keptDuring?: boolean;
}

const LAST = /is the only voter/;
const LOST = /^quorum is lost: /;
const WOULD = /quorum would be lost/;

const CASES: readonly Case[] = [
  // One voter never goes, whatever stands beside it.
  { members: 'V', change: remove(0), because: [LAST] },
  { members: 'VL', change: remove(0), because: [LAST] },
  { members: 'Vn', change: remove(0), because: [LAST], first: [1] },
  { members: 'v', change: remove(0), because: [LOST, LAST] },
  // Two voters: the one that stays must be healthy, and so must the one that goes, or nobody can decide it.
  { members: 'VV', change: remove(1), after: [1, 1, 1], keptDuring: false },
  { members: 'VV', change: remove(0), after: [1, 1, 1], keptDuring: false },
  { members: 'Vv', change: remove(1), because: [LOST] },
  { members: 'Vv', change: remove(0), because: [LOST, WOULD] },
  { members: 'Vu', change: remove(1), because: [LOST] },
  // Three.
  { members: 'VVV', change: remove(0), after: [2, 2, 2], keptDuring: true },
  { members: 'VVv', change: remove(0), because: [WOULD], first: [2] },
  { members: 'VVv', change: remove(2), after: [2, 2, 2], keptDuring: true },
  { members: 'VVu', change: remove(2), after: [2, 2, 2] },
  {
    members: 'VVu',
    change: remove(1),
    because: [/1 of 2 voters healthy, 2 needed \(the member 2 at/],
    first: [2],
  },
  { members: 'Vvv', change: remove(1), because: [LOST, WOULD] },
  { members: 'vvv', change: remove(0), because: [LOST, WOULD] },
  // Four tolerate as much as three do.
  { members: 'VVVV', change: remove(3), after: [3, 2, 3] },
  { members: 'VVVv', change: remove(0), after: [2, 2, 3] },
  { members: 'VVVv', change: remove(3), after: [3, 2, 3] },
  { members: 'VVvv', change: remove(3), because: [LOST] },
  // Five.
  { members: 'VVVVv', change: remove(0), after: [3, 3, 4] },
  { members: 'VVVvv', change: remove(0), because: [WOULD], first: [3, 4] },
  { members: 'VVVvv', change: remove(4), after: [3, 3, 4] },
  { members: 'VVVvu', change: remove(0), because: [WOULD], first: [4, 3] },
  { members: 'VVvvv', change: remove(4), because: [LOST, WOULD] },
  // Six and seven.
  { members: 'VVVVvv', change: remove(5), after: [4, 3, 5] },
  { members: 'VVVVvv', change: remove(0), after: [3, 3, 5] },
  { members: 'VVVVvvv', change: remove(0), because: [WOULD], first: [4, 5, 6] },
  { members: 'VVVVvvv', change: remove(6), after: [4, 4, 6] },
  { members: 'VVVVVVV', change: remove(6), after: [6, 4, 6] },
  // Who is not there, and who does not vote.
  { members: 'VVV', change: remove(7), because: [/^there is no member 7$/] },
  { members: 'VL', change: remove(1), after: [1, 1, 1] },
  { members: 'Vl', change: remove(1), after: [1, 1, 1] },
  { members: 'Vn', change: remove(1), after: [1, 1, 1] },
  { members: 'Vvn', change: remove(2), because: [LOST] },
  { members: 'VVLL', change: remove(0), after: [1, 1, 1] },
  // A learner changes nothing by itself; it comes alone, to a cluster that misses nobody.
  { members: 'V', change: add, after: [1, 1, 1], keptDuring: true },
  { members: 'VVV', change: add, after: [3, 2, 3] },
  { members: 'VVv', change: add, because: [/"director-2" is not healthy/], first: [2] },
  {
    members: 'Vn',
    change: add,
    because: [/the member 1 at https:\/\/172\.16\.0\.1:2380 has not started/],
    first: [1],
  },
  { members: 'VVu', change: add, because: [/member 2 at .* has not started/], first: [2] },
  { members: 'VL', change: add, because: [/"director-1" is a learner still/], first: [1] },
  { members: 'VVvn', change: add, because: [/has not started/, /is not healthy/], first: [3, 2] },
  { members: 'Vv', change: add, because: [LOST, /is not healthy/] },
  { members: 'VVVVVV', change: add, after: [6, 4, 6] },
  { members: 'VVVVVVV', change: add, because: [/7 voters already/] },
  {
    members: 'VVV',
    change: { ...add, peerUrl: 'https://172.16.0.1:2380' },
    because: [/"director-1" has the address https:\/\/172\.16\.0\.1:2380 already/],
  },
  {
    members: 'VVV',
    change: { ...add, name: 'director-2' },
    because: [/a member "director-2" already, at https:\/\/172\.16\.0\.2:2380/],
  },
  // Who is promoted must be there, or the next quorum counts on nobody.
  { members: 'VL', change: promote(1), after: [2, 2, 2], keptDuring: false },
  { members: 'VVL', change: promote(2), after: [3, 2, 3], keptDuring: true },
  { members: 'Vl', change: promote(1), because: [/is not healthy/, WOULD] },
  { members: 'VVl', change: promote(2), because: [/is not healthy/] },
  { members: 'Vn', change: promote(1), because: [/has not started/, WOULD] },
  { members: 'VVvL', change: promote(3), after: [3, 3, 4], keptDuring: false },
  { members: 'VvL', change: promote(2), because: [LOST] },
  { members: 'VV', change: promote(1), because: [/"director-1" votes already/] },
  { members: 'VV', change: promote(5), because: [/^there is no member 5$/] },
  { members: 'VVVVVVVL', change: promote(7), because: [/7 voters already/] },
];

const said = (change: MembershipChange): string =>
  change.change === 'add-learner' ? 'add a learner' : `${change.change} ${change.id}`;

suite('quorum, projected', () => {
  for (const { members, change, because = [], first = [], after, keptDuring } of CASES) {
    test(`${members}: ${said(change)} is ${because.length === 0 ? 'allowed' : 'refused'}`, () => {
      const projection = projectChange(cluster(members), change);
      assert.equal(projection.allowed, because.length === 0, projection.reasons.join('; '));
      assert.equal(projection.reasons.length, because.length, projection.reasons.join('; '));
      for (const [at, expected] of because.entries()) assert.match(projection.reasons[at] ?? '', expected);
      assert.deepEqual(projection.first, first.map(String));
      if (after) {
        const { healthy, needed, voters } = projection.after;
        assert.deepEqual([healthy, needed, voters], after);
      }
      if (keptDuring !== undefined) assert.equal(projection.during.kept, keptDuring);
    });
  }

  test('whatever is allowed keeps quorum, for every cluster of up to seven', () => {
    const words = (length: number): string[] =>
      length === 0
        ? ['']
        : words(length - 1).flatMap((word) => ['V', 'v', 'L'].map((letter) => word + letter));
    let looked = 0;
    for (const word of [1, 2, 3, 4, 5, 6, 7].flatMap(words)) {
      for (const at of Array(word.length).keys()) {
        for (const change of [remove(at), promote(at)]) {
          const { allowed, before, after, first } = projectChange(cluster(word), change);
          if (allowed) assert.ok(before.kept && after.kept && after.voters > 0, `${word} ${said(change)}`);
          for (const id of first) {
            assert.ok(projectChange(cluster(word), remove(Number(id))).allowed, `${word}: ${id} can go`);
          }
          looked += 1;
        }
      }
    }
    assert.ok(looked > 10_000);
  });
});
