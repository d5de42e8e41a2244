/**
 * The shared zone brought back from a backup, twice, under a load on a service of which no request may fail: the second restore puts its director into the slot of the first.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { startLoad } from '../../sandbox/load/load.ts';
import { good, json, root, until } from '../system/person.ts';
import { isReady, kubectl, machinesOf, nodes } from '../system/machines.ts';
import { DOMAIN, sharedZone, ZONE } from './shared-zone.ts';

interface Restored {
  readonly result: {
    readonly director: { readonly machine: string; readonly instanceId: string };
    readonly replaced: string;
    readonly safety?: string;
    readonly revision: string;
  };
}

const SERVICES = join(root, 'examples/services.yml');
const folder = mkdtempSync(join(tmpdir(), 'zonewright-restore-'));
const nothing = join(folder, 'nothing.yml');
writeFileSync(nothing, '{}\n');
after(() => rmSync(folder, { recursive: true, force: true }));

suite('a zone brought back', () => {
  test('what was there at the backup is there again, what came later is not; another restore takes it back', async (t) => {
    const zone = await sharedZone();
    const [border, director] = [zone.get('border-0'), zone.get('director-0')];
    assert.ok(border && director);
    await good('service', 'apply', SERVICES, '--zone', ZONE, '--yes', '--soak', '2s');
    const load = startLoad({
      ...{ url: `http://${border.publicIp}/`, host: `web.${DOMAIN}` },
      ...{ rate: 50, keepAlive: true },
    });
    after(() => load.stop());
    const names = async () => (await kubectl(border, 'get', 'configmap', '-o', 'name')).split('\n');
    await kubectl(border, 'create', 'configmap', 'canary-before');
    await good('etcd', 'backup', ZONE);
    await kubectl(border, 'create', 'configmap', 'canary-after');
    const { result } = await json<Restored>('etcd', 'restore', ZONE, 'latest', '--yes');
    assert.equal(result.replaced, director.id);
    assert.equal(result.director.machine, 'director-1');
    assert.ok(Number(result.revision) > 1_000_000_000);
    assert.ok((await names()).includes('configmap/canary-before'));
    assert.ok(!(await names()).includes('configmap/canary-after'));
    assert.ok((await nodes(border)).every(isReady));
    const slice = ['get', 'endpointslice', 'kubernetes', '-o', 'jsonpath={.endpoints[*].addresses[*]}'];
    const now = (await machinesOf(ZONE)).get('director-1');
    assert.equal((await kubectl(border, ...slice)).trim(), now?.privateIp);
    assert.ok(result.safety);
    const back = await json<Restored>('etcd', 'restore', ZONE, result.safety, '--yes');
    assert.equal(back.result.director.machine, 'director-0');
    assert.ok(Number(back.result.revision) > Number(result.revision) + 999_000_000);
    assert.ok((await names()).includes('configmap/canary-after'));
    const report = await load.stop();
    t.diagnostic(JSON.stringify(report));
    assert.deepEqual([report.failed, report.errors], [0, {}]);
    assert.ok(report.sent / report.seconds > 45, `${report.sent} requests in ${report.seconds} s`);
    assert.equal(Object.keys(report.answers).length, 5);
    // The fresh discovery follows what changes: a service that is removed is routed no longer.
    await good('service', 'apply', nothing, '--zone', ZONE, '--prune', '--yes');
    const answer = await fetch(`http://${border.publicIp}/web`);
    assert.equal(answer.status, 404);
    await kubectl(border, 'delete', 'configmap', 'canary-before', 'canary-after');
  });

  test('workers that left since the backup are forgotten, those that joined since join again', async () => {
    const border = (await sharedZone()).get('border-0');
    assert.ok(border);
    const restore = (backup: string) => json<Restored>('etcd', 'restore', ZONE, backup, '--yes');
    const running = async () =>
      (await kubectl(border, 'get', 'pods', '-l', 'zonewright.dev/service=web', '-o', 'wide', '--no-headers'))
        .split('\n')
        .filter((line) => /\bRunning\b/.test(line));
    await good('service', 'apply', SERVICES, '--zone', ZONE, '--yes', '--soak', '1s');
    const { result: taken } = await json<{ result: { backup: string } }>('etcd', 'backup', ZONE);
    await good('node', 'join', ZONE, '--yes');
    await good('node', 'remove', ZONE, 'worker-0', '--yes');
    const there = await machinesOf(ZONE);
    const workers = ['worker-1', 'worker-2'].map((name) => `${there.get(name)?.id}.worker.zone.local`);
    const { result } = await restore(taken.backup);
    const seen = await nodes(border);
    assert.deepEqual(seen.map(({ metadata }) => metadata.name).toSorted(), workers.toSorted());
    assert.ok(seen.every(isReady));
    await until(
      'five instances to run, none of them on a machine that is gone',
      120,
      async () => (await running()).length === 5,
    );
    assert.ok((await running()).every((line) => workers.some((worker) => line.includes(worker))));
    // A joined worker takes work again: it was admitted anew.
    await good('node', 'remove', ZONE, 'worker-1', '--yes');
    assert.ok((await running()).every((line) => line.includes(workers[1] ?? '')));
    // As the next test expects the zone.
    assert.ok(result.safety);
    await good('service', 'apply', nothing, '--zone', ZONE, '--prune', '--yes');
    await good('node', 'join', ZONE, '--yes');
    await good('node', 'join', ZONE, '--yes');
    await good('node', 'remove', ZONE, 'worker-2', '--yes');
    await good('etcd', 'backup', ZONE);
    await restore('latest');
    assert.ok((await machinesOf(ZONE)).has('director-0'));
  });
});
