/** The shared zone brought back from a backup, twice: the second restore puts its director into the slot of the first. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { good, json } from '../system/person.ts';
import { isReady, kubectl, machinesOf, nodes } from '../system/machines.ts';
import { sharedZone, ZONE } from './shared-zone.ts';

interface Restored {
  readonly result: {
    readonly director: { readonly machine: string; readonly instanceId: string };
    readonly replaced: string;
    readonly safety?: string;
    readonly revision: string;
  };
}

/** Two minutes on a real zone: at the gate only. */
const skip = process.env['ZONEWRIGHT_GATE'] === '1' ? false : 'at the gate only';

suite('a zone brought back', { skip }, () => {
  test('what was there at the backup is there again, what came later is not; another restore takes it back', async () => {
    const zone = await sharedZone();
    const [border, director] = [zone.get('border-0'), zone.get('director-0')];
    assert.ok(border && director);
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
    await kubectl(border, 'delete', 'configmap', 'canary-before', 'canary-after');
  });
});
