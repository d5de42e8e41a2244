import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { announcementOf, gatePatch, isServing, podSchema, type Pod } from '../../agents/presence/pod.ts';
import { Drained } from '../../agents/router/drained.ts';
import { readProcesses } from '../../agents/router/haproxy-process.ts';

interface Made {
  readonly ready?: string;
  readonly gate?: string;
  readonly leaving?: boolean;
  readonly withdrawn?: boolean;
  readonly labels?: Record<string, string>;
  readonly ports?: readonly object[];
  readonly ip?: string;
}
const LABELS = { 'zonewright.dev/service': 'web', 'apps.kubernetes.io/pod-index': '7' };
const podOf = ({
  ready = 'True',
  gate,
  leaving,
  withdrawn,
  labels,
  ports,
  ip = '10.64.0.5',
}: Made = {}): Pod =>
  podSchema.parse({
    metadata: {
      ...{ namespace: 'default', name: 'web-7', uid: 'u', resourceVersion: '1', labels: labels ?? LABELS },
      ...(leaving ? { deletionTimestamp: '2030-01-01T00:00:00Z' } : {}),
      ...(withdrawn ? { annotations: { 'zonewright.dev/withdrawn': 'roll-1' } } : {}),
    },
    spec: { containers: [{}, { ports: ports ?? [{ name: 'serve', containerPort: 8080 }] }] },
    status: {
      ...(ip === '' ? {} : { podIP: ip }),
      conditions: [
        { type: 'ContainersReady', status: ready },
        ...(gate === undefined ? [] : [{ type: 'zonewright.dev/serving', status: gate }]),
      ],
    },
  });

suite('whether a pod serves, and what its gate is made to say', () => {
  const cases: readonly (readonly [what: string, made: Made, serving: boolean, gate: string | undefined])[] =
    [
      ['ready', {}, true, 'True'],
      ['ready, and said', { gate: 'True' }, true, undefined],
      ['not ready yet: a gate that says nothing is closed', { ready: 'False' }, false, undefined],
      ['ready no longer', { ready: 'False', gate: 'True' }, false, 'False'],
      ['withdrawn', { withdrawn: true, gate: 'True' }, false, 'False'],
      ['withdrawn, and said', { withdrawn: true, gate: 'False' }, false, undefined],
      ['announced again', { gate: 'False' }, true, 'True'],
      ['being deleted', { leaving: true, gate: 'True' }, false, 'False'],
    ];
  for (const [what, made, serving, gate] of cases) {
    test(what, () => {
      const pod = podOf(made);
      assert.equal(isServing(pod), serving);
      const patch = gatePatch(pod, new Date(0)) as
        { metadata: { uid: string }; status: { conditions: { status: string }[] } } | undefined;
      assert.equal(patch?.status.conditions[0]?.status, gate);
      if (patch) assert.equal(patch.metadata.uid, 'u');
    });
  }
});

suite('what is announced of a pod', () => {
  test('its address at the port that is named for it', () => {
    assert.deepEqual(announcementOf(podOf()), { service: 'web', number: 7, address: '10.64.0.5:8080' });
  });
  for (const [made, reason] of [
    [{ labels: { ...LABELS, 'zonewright.dev/service': 'We b' } }, /label zonewright.dev\/service is "We b"/],
    [{ labels: { 'zonewright.dev/service': 'web' } }, /pod-index is ""/],
    [{ ports: [{ name: 'http', containerPort: 80 }] }, /no container has a port "serve"/],
    [{ ip: '' }, /it has no address/],
  ] as const) {
    test(`not without: ${reason.source}`, () => {
      assert.match(String(announcementOf(podOf(made))), reason);
    });
  }
});

suite('what processes of HAProxy route by', () => {
  test('pids are read from what the master says', () => {
    const answer = [
      '#<PID>          <type>          <reloads>       <uptime>        <version>      ',
      '20189           master          1 [failed: 0]   0d00h00m05s     2.6.12-1+deb12u4',
      '# workers',
      '20398           worker          0               0d00h00m01s     2.6.12-1+deb12u4',
      '# old workers',
      '20192           worker          1               0d00h00m05s     2.6.12-1+deb12u4',
      '20193           worker          2               0d00h00m05s     2.6.12-1+deb12u4',
      '# programs',
      '20300           prog            1               0d00h00m05s     -',
    ].join('\n');
    assert.deepEqual(readProcesses(answer), { workers: ['20398'], former: ['20192', '20193'] });
    assert.throws(() => readProcesses(''), /cannot read what haproxy answers/);
  });

  test('a revision is drained once no process routes by an older one', () => {
    const drained = new Drained();
    const note = (current: string | undefined, former: string[], revision: number) => {
      drained.note({ current, former }, revision);
      return [drained.revision, drained.drained, drained.isDraining];
    };
    assert.deepEqual(note('a', [], 5), [5, 5, false]);
    assert.deepEqual(note('a', [], 9), [9, 9, false]);
    assert.deepEqual(note('b', ['a'], 12), [12, 9, true]);
    assert.deepEqual(note('c', ['b', 'a'], 15), [15, 9, true]);
    assert.deepEqual(note('c', ['b'], 15), [15, 12, true]);
    assert.deepEqual(note(undefined, ['b'], 20), [15, 12, true]);
    assert.deepEqual(note('c', [], 20), [20, 20, false]);
    // Back to what was there before: a former process with the same text routes by the same.
    assert.deepEqual(note('b', ['c'], 25), [25, 20, true]);
    assert.deepEqual(note('b', ['b'], 30), [30, 30, false]);
  });

  test('of a process from before the agent nothing is known, so nothing is drained', () => {
    const drained = new Drained();
    drained.note({ current: 'b', former: ['x'] }, 12);
    assert.deepEqual([drained.revision, drained.drained], [12, 0]);
    drained.note({ current: 'b', former: [] }, 12);
    assert.equal(drained.drained, 12);
  });
});
