import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { BackupState } from '../../domain/etcd/catalogue.ts';
import { planRetention, retentionSchema, type RetentionCandidate } from '../../domain/etcd/retention.ts';

const NONE = { last: 0, hourly: 0, daily: 0, weekly: 0 };
const HOUR = 3_600_000;
/** A Wednesday. */
const NOON = Date.parse('2026-07-15T12:30:00Z');

/** `p24`: proven, 24 hours old; `u` unproven, `d` damaged, `w` under way, `a` abandoned. Named after itself. */
function candidates(...texts: string[]): RetentionCandidate[] {
  const states: Record<string, BackupState> = {
    p: 'proven',
    u: 'unproven',
    d: 'damaged',
    w: 'under way',
    a: 'abandoned',
  };
  return texts.map((backup) => ({
    backup,
    state: states[backup[0] ?? ''] ?? 'proven',
    startedAt: new Date(NOON - Number(backup.slice(1)) * HOUR).toISOString(),
  }));
}

const CASES: readonly (readonly [
  what: string,
  rules: Partial<typeof NONE>,
  given: string,
  removed: string,
])[] = [
  ['nothing', { last: 1 }, '', ''],
  ['the newest proven one stays whatever the rules say', {}, 'p1 p2 p3', 'p3 p2'],
  ['also when what is newer is damaged', {}, 'd1 p2 p3', 'p3'],
  ['what is newer than any proven one stays', {}, 'u1 d2 p3 u4 d5', 'd5 u4'],
  ['nothing is proven: nothing goes but what was abandoned', {}, 'u1 d2 u300 a30', 'a30'],
  ['what is under way stays, however old', {}, 'p1 w2 w400', ''],
  ['what was abandoned goes', { last: 9 }, 'p1 a25 p26', 'a25'],
  ['the last so many', { last: 2 }, 'p1 p2 p3 p4', 'p4 p3'],
  ['only proven ones count for them', { last: 2 }, 'u1 p2 d3 p4 p5', 'p5 d3'],
  ['the latest of each hour', { hourly: 2 }, 'p0 p0.1 p0.4 p1 p1.4 p2', 'p2 p1.4 p0.4 p0.1'],
  ['hours without one are not counted', { hourly: 3 }, 'p0 p7 p99 p100', 'p100'],
  ['the latest of each day', { daily: 2 }, 'p0 p5 p12 p13 p20 p40', 'p40 p20 p12 p5'],
  ['the latest of each week, which begins on Monday', { weekly: 2 }, 'p0 p60 p61 p200 p230', 'p230 p200 p60'],
  ['rules add up', { last: 1, daily: 2, weekly: 2 }, 'p0 p1 p13 p14 p61 p300', 'p300 p14 p1'],
];

suite('retention of backups', () => {
  for (const [what, rules, given, removed] of CASES) {
    test(what, () => {
      const list = candidates(...given.split(' ').filter(Boolean));
      const { keep, remove } = planRetention(list, { ...NONE, ...rules });
      assert.equal(remove.join(' '), removed);
      // The order in which they are listed decides nothing.
      assert.deepEqual(planRetention(list.toReversed(), { ...NONE, ...rules }).remove, remove);
      assert.deepEqual(
        [...keep.map(({ backup }) => backup), ...remove].toSorted(),
        list.map(({ backup }) => backup).toSorted(),
      );
    });
  }

  test('whatever there is and whatever the rules, the newest proven one and what is under way stay', () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 500; round++) {
      const texts = Array.from({ length: random(12) }, () => `${'pudwa'[random(5)]}${random(2_000) / 3}`);
      const list = candidates(...new Set(texts));
      const rules = { last: random(3), hourly: random(3), daily: random(3), weekly: random(3) };
      const { remove } = planRetention(list, rules);
      const newest = list
        .filter(({ state }) => state === 'proven')
        .toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))[0];
      assert.ok(newest === undefined || !remove.includes(newest.backup), texts.join(' '));
      assert.ok(!list.some(({ state, backup }) => state === 'under way' && remove.includes(backup)));
    }
  });

  test('each is said why it stays', () => {
    const { keep } = planRetention(candidates('p0', 'w1', 'p30'), {
      last: 1,
      hourly: 0,
      daily: 1,
      weekly: 2,
    });
    assert.deepEqual(keep, [
      { backup: 'p0', because: ['newest proven', 'last', 'daily 2026-07-15', 'weekly 2026-07-13'] },
      { backup: 'w1', because: ['under way'] },
    ]);
  });

  test('rules have defaults, and no negative counts', () => {
    assert.deepEqual(retentionSchema.parse({}), { last: 3, hourly: 24, daily: 7, weekly: 4 });
    assert.throws(() => retentionSchema.parse({ last: -1 }));
    assert.throws(() => retentionSchema.parse({ lasst: 1 }));
  });
});
