/** The whole story of a zone as a person tells it to the command line, and what really came of it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { withAws } from '../../clients/aws.ts';
import { loadContext } from '../../clients/contexts.ts';
import { findLeftovers } from '../../sandbox/leftovers.ts';
import { run as runCommand } from '../../sandbox/network/commands.ts';
import { endProcesses } from '../../sandbox/processes.ts';
import { sandboxHome } from '../../sandbox/state.ts';
import { checkLeastPrivilege } from './least-privilege.ts';
import { bornAt, inside, isReady, kubectl, machinesOf, nodes, reboot } from './machines.ts';
import type { Machine } from './machines.ts';
import { good, inventory, json, operations, PERSON, root, run, sandbox, until } from './person.ts';
import type { Step } from './person.ts';
import { writeRecipe } from './recipes.ts';

const RECIPE = join(root, 'examples/images/zone');
const ZONE_FILE = join(root, 'examples/zone.yaml');
const ZONE = 'zone03';
const CREATE = `create-${ZONE}`;
const DOMAIN = `${ZONE}.dev.zonewright.test`;

interface Baked {
  readonly operation: string;
  readonly result: { readonly imageId: string; readonly adopted: boolean };
}

const stepsOf = async (id: string): Promise<readonly Step[]> =>
  (await json<{ steps: Step[] }>('op', 'show', id)).steps;

const commands = (script: string): Promise<string> => runCommand('sh', ['-ec', script]);

/** Names of the objects of the zone store below a prefix. */
async function keysBelow(prefix: string): Promise<string[]> {
  const context = loadContext('sandbox');
  const list = new ListObjectsV2Command({ Bucket: context.store.bucket, Prefix: prefix });
  const { Contents = [] } = await withAws(context, ({ s3 }) => s3.send(list));
  return Contents.map(({ Key = '' }) => Key.slice(prefix.length)).toSorted();
}

const without = (items: readonly string[], others: readonly string[]): string[] =>
  items.filter((item) => !others.includes(item));

describe('a zone, from the first command to the last', { timeout: 900_000 }, () => {
  const folders: string[] = [];
  let zoneImage = '';
  let smallImage = '';
  let broken = '';
  let empty: readonly string[] = [];
  let zone = new Map<string, Machine>();

  const slot = (name: string): Machine => {
    const found = zone.get(name);
    assert.ok(found, `machine ${name}`);
    return found;
  };
  const recipe = (name: string, install?: string): string => {
    const folder = writeRecipe({ name, text: randomUUID(), ...(install === undefined ? {} : { install }) });
    folders.push(folder);
    return folder;
  };

  before(() => good('sandbox', 'down'));
  after(() => {
    for (const folder of [...folders, PERSON.ZONEWRIGHT_HOME]) rmSync(folder, { recursive: true });
  });

  test('sandbox up: everything runs, and is not started twice', async () => {
    const up = await good('sandbox', 'up', '--json');
    const { state, processes } = JSON.parse(up.stdout) as {
      state: string;
      processes: { name: string; alive: boolean }[];
    };
    assert.equal(state, 'up');
    assert.deepEqual(
      processes.map(({ name, alive }) => [name, alive]),
      ['moto', 's3', 'front', 'temporal', 'workers'].map((name) => [name, true]),
    );
    assert.match(up.stderr, /^✓ workers \([\d.]+ s\)$/m);
    const again = await run('sandbox', 'up');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /^error: Cannot start the sandbox in ".*": it is up \(moto, .*sandbox down$/m);
  });

  test('image bake: callers at the same time share one run, later ones get the image at once', async () => {
    const folder = recipe('small');
    const [told, asked] = await Promise.all([
      good('image', 'bake', folder),
      json<Baked>('image', 'bake', folder),
    ]);
    smallImage = asked.result.imageId;
    assert.match(smallImage, /^ami-[0-9a-f]{17}$/);
    assert.equal(told.stdout.split(/\s/)[0], smallImage);
    assert.match(told.stderr, /✓ builder {2}starting the builder of bake-small-\w+ {2}[\d.]+ s {2}i-\w+$/m);
    assert.match(told.stderr, /✓ verification {2}marking the image verified/);
    const runs = (await operations('--all', '--type', 'BakeAmi')).filter(({ id }) => id === asked.operation);
    assert.deepEqual(
      runs.map(({ state, actor }) => [state, actor]),
      [['done', PERSON.ZONEWRIGHT_ACTOR]],
    );
    const began = performance.now();
    const again = await json<Baked>('image', 'bake', folder);
    assert.deepEqual(again.result, { ...asked.result, adopted: true });
    assert.ok(performance.now() - began < 20_000, 'at once');
  });

  test('image list and show: the image of the zone, verified, with what it was made of', async () => {
    const baked = await json<Baked>('image', 'bake', RECIPE);
    zoneImage = baked.result.imageId;
    const list = await good('image', 'list');
    assert.match(list.stdout, new RegExp(`^${zoneImage} +zone +verified +available +\\d{4}-`, 'm'));
    const shown = await json<{ id: string; recipeDigest: string; users: string[] }>(
      'image',
      'show',
      zoneImage,
    );
    assert.equal(shown.id, zoneImage);
    assert.match(shown.recipeDigest, /^[0-9a-f]{64}$/);
    assert.deepEqual(shown.users, []);
    assert.equal((await json<{ bake: string }>('image', 'show', smallImage)).bake.length, 32);
  });

  test('zone plan: the same plan every time, and nothing is made by it', async () => {
    empty = await inventory();
    const plan = () => json<{ hash: string; plan: { steps: unknown[] } }>('zone', 'plan', ZONE_FILE);
    const [one, other] = [await plan(), await plan()];
    assert.match(one.hash, /^[0-9a-f]{64}$/);
    assert.equal(one.hash, other.hash);
    assert.equal(one.plan.steps.length, 62);
    assert.deepEqual(await inventory(), empty);
    const unapproved = await run('zone', 'create', ZONE_FILE);
    assert.equal(unapproved.code, 2);
    assert.match(
      unapproved.stderr,
      /Cannot ask "Create zone zone03\..*\?" without a terminal\n {2}expected: --yes/,
    );
    assert.deepEqual(await operations('--zone', ZONE, '--all'), []);
  });

  test('zone create --detach: a worker that is killed half way is replaced, and the zone is made', async () => {
    // Asks a question by the time that the zone is there.
    const folder = recipe('broken', 'echo the disk is on fire; exit 7');
    broken = (await json<{ operation: string }>('image', 'bake', folder, '--detach')).operation;
    const detached = await json<{ operation: string; state: string }>(
      ...['zone', 'create', ZONE_FILE, '--yes', '--detach', '--reason', 'for a test'],
    );
    assert.deepEqual(detached, { operation: CREATE, state: 'running' });
    await until('the first machine to be launched', 120, async () =>
      (await stepsOf(CREATE)).some(({ step, state }) => step.endsWith('/instance') && state === 'done'),
    );
    await endProcesses(
      sandbox().processes.filter(({ name }) => name === 'workers'),
      0,
    );
    const silent = await json<{ from: string; explanation: { actor: string; reason: string; zone: string } }>(
      ...['op', 'explain', CREATE],
    );
    assert.equal(silent.from, 'memo');
    assert.deepEqual(
      [silent.explanation.actor, silent.explanation.reason, silent.explanation.zone],
      [PERSON.ZONEWRIGHT_ACTOR, 'for a test', ZONE],
    );
    assert.match((await good('sandbox', 'status')).stdout, /^sandbox +partly$/m);
    await good('sandbox', 'up');
    const followed = await good('op', 'show', CREATE, '--follow', '--json');
    const outcome = JSON.parse(followed.stdout) as {
      state: string;
      result: { domain: string; answered: { pod: string; node: string; address: string } };
    };
    assert.equal(outcome.state, 'done');
    assert.equal(outcome.result.domain, DOMAIN);
    assert.match(outcome.result.answered.address, /^10\.64\.[01]\.\d+$/);
    assert.match(followed.stderr, /✓ machines\/worker-0\/admission /);
    assert.ok((await stepsOf(CREATE)).every(({ state }) => state === 'done'));
    assert.equal((await operations('--zone', ZONE, '--all')).length, 1);
  });

  test('zone list and show, op list and show: what is there', async () => {
    assert.match(
      (await good('zone', 'list')).stdout,
      new RegExp(`^${ZONE} +${DOMAIN} +active +${zoneImage} +62 `, 'm'),
    );
    const manifest = await json<{ state: string; made: { step: string; ref: { id: string } }[] }>(
      'zone',
      'show',
      ZONE,
    );
    assert.equal(manifest.state, 'active');
    assert.equal(new Set(manifest.made.map(({ step }) => step)).size, 62);
    const there = without(await inventory(), empty);
    for (const { step, ref } of manifest.made.filter(({ step }) =>
      /^network\/(vpc|subnet|nat|route-table)|instance$/.test(step),
    ))
      assert.ok(
        there.some((item) => item.endsWith(` ${ref.id}`)),
        `${step} ${ref.id}`,
      );
    assert.match((await good('op', 'show', CREATE)).stdout, new RegExp(`^${CREATE} +CreateZone +done`));
    const second = await run('zone', 'create', ZONE_FILE, '--yes');
    assert.equal(second.code, 3, second.stderr);
    assert.match(second.stderr, /^error: Cannot create zone "zone03\..*": it is active/m);
    const used = await run('image', 'rm', zoneImage, '--yes');
    assert.equal(used.code, 3);
    assert.match(used.stderr, /is used by zone zone03/);
  });

  test('a failed bake asks; from here on no worker runs', async () => {
    await until('the bake to ask', 120, async () =>
      (await operations('--state', 'blocked')).some(({ id }) => id === broken),
    );
    const asking = await good('op', 'explain', broken);
    assert.match(
      asking.stdout,
      /blocked, asks: "bake" failed: .*install\.sh" ended with 7: the disk is on fire/,
    );
    assert.match(
      asking.stdout,
      new RegExp(`answer with: zonewright op decide ${broken} <retry\\|roll-back\\|keep>`),
    );
    assert.doesNotMatch(asking.stdout, /Traceback/);
    await endProcesses(
      sandbox().processes.filter(({ name }) => name === 'workers'),
      0,
    );
  });

  test('the machines are a cluster: a node is Ready, and its pods answer from another machine', async () => {
    zone = await machinesOf(ZONE);
    assert.deepEqual([...zone.keys()].toSorted(), ['border-0', 'director-0', 'worker-0', 'worker-1']);
    const found = await nodes(slot('border-0'));
    assert.equal(found.length, 2);
    assert.ok(found.every(isReady));
    const node = found.find(({ metadata }) => metadata.name.startsWith(slot('worker-0').id));
    assert.ok(node);
    assert.equal(node.metadata.name, `${slot('worker-0').id}.worker.zone.local`);
    assert.equal(node.spec.providerID, `aws:///us-east-1a/${slot('worker-0').id}`);
    assert.deepEqual(node.spec.taints ?? [], []);
    const serve = [
      '--',
      'sh',
      '-c',
      'mkdir /tmp/www; echo hello >/tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www',
    ];
    const image = ['--image=zonewright.dev/busybox:1', '--image-pull-policy=IfNotPresent', '--restart=Never'];
    await kubectl(slot('border-0'), 'run', 'web', ...image, '--command', ...serve);
    await kubectl(slot('border-0'), 'wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
    const address = await kubectl(slot('border-0'), 'get', 'pod', 'web', '-o', 'jsonpath={.status.podIP}');
    const answer = await inside(slot('border-0'), 'curl', '-s', '--max-time', '5', `http://${address}:8080/`);
    assert.equal(answer.trim(), 'hello');
  });

  test('machines and pods may do what they must, and no more', () => checkLeastPrivilege(zone));

  test('machines that are rebooted come back as they were, with nobody to help them', async () => {
    const machines = [slot('director-0'), slot('worker-0')];
    const births = await Promise.all(machines.map(bornAt));
    const names = async () => {
      const ready = (await nodes(slot('border-0'))).filter(isReady);
      return ready.map(({ metadata }) => metadata.name).toSorted();
    };
    const before = await names();
    await reboot(machines);
    await until('the machines to boot anew', 60, async () => {
      const now = await Promise.all(machines.map(bornAt));
      return now.every((birth, n) => birth !== births[n]);
    });
    await until('the same nodes to be Ready', 180, async () => String(await names()) === String(before));
    await until('the pod network to work', 60, async () => {
      const image = [
        '--image=zonewright.dev/busybox:1',
        '--image-pull-policy=IfNotPresent',
        '--restart=Never',
      ];
      await kubectl(slot('border-0'), 'run', 'after', ...image, '--command', '--', 'sleep', '600');
      await kubectl(slot('border-0'), 'wait', '--for=condition=Ready', 'pod/after', '--timeout=60s');
      return true;
    });
  });

  test('what waits for an answer says that no worker is polling, and takes one when there is one', async () => {
    const said = await until('no worker to be seen any more', 90, async () => {
      const { stdout } = await good('op', 'explain', broken);
      return /No worker polls/.test(stdout) && stdout;
    });
    assert.match(said, /blocked, asks: "bake" failed/);
    const late = await run('op', 'decide', broken, 'roll-back');
    assert.equal(late.code, 1);
    assert.match(late.stderr, /no worker answered/);
    await good('sandbox', 'up');
    // What nobody heard may have been kept for the next worker.
    const again = await run('op', 'decide', broken, 'roll-back', '--reason', 'as expected');
    assert.match(again.stdout + again.stderr, /^decided: roll-back|asks nothing now/m);
    const ended = await run('op', 'show', broken, '--follow', '--json');
    assert.equal(ended.code, 1);
    assert.equal((JSON.parse(ended.stdout) as { state: string }).state, 'failed');
  });

  test('zone destroy: nothing is left but its records', async () => {
    const destroyed = await good('zone', 'destroy', ZONE, '--yes', '--json');
    assert.equal((JSON.parse(destroyed.stdout) as { state: string }).state, 'done');
    assert.match(destroyed.stderr, /− network\/vpc/);
    const now = await inventory();
    assert.deepEqual(
      without(empty, now).filter((item) => !/\/recipes \(/.test(item)),
      [],
    );
    const expected =
      /^(delegation-set |s3-prefix [\w-]+\/(operations\/|zones\/zone03 \(4\)|bakes\/|recipes ))/;
    assert.deepEqual(
      without(now, empty).filter((item) => !expected.test(item)),
      [],
    );
    // The backup is the one that the border was let write above: backups outlive their zone.
    const records = ['backups/probe/1/snapshot.db', 'fence.json', 'leases.json', 'manifest.json'];
    assert.deepEqual(await keysBelow(`zones/${ZONE}/`), records);
    assert.doesNotMatch((await good('zone', 'list')).stdout, /zone03/);
    assert.match((await good('zone', 'list', '--all')).stdout, /^zone03 .* destroyed /m);
    assert.equal((await run('zone', 'destroy', ZONE, '--yes')).code, 3);
  });

  test('image rm and gc: images go with their snapshots, the one that is wanted stays', async () => {
    await good('image', 'rm', smallImage, '--yes');
    const planned = await json<{ remove: string[] }>('image', 'gc', '--keep', '1', '--plan');
    assert.ok(!planned.remove.includes(zoneImage));
    const collected = await json<{ removed: string[] }>('image', 'gc', '--keep', '1', '--yes');
    assert.deepEqual(collected.removed, planned.remove);
    const images = await json<{ images: { id: string }[] }>('image', 'list');
    assert.deepEqual(
      images.images.map(({ id }) => id),
      [zoneImage],
    );
    const snapshots = (await inventory()).filter((item) => item.startsWith('snapshot '));
    assert.equal(snapshots.length, 1);
  });

  test('sandbox down: nothing is left on the computer but images, also when the front was killed', async () => {
    const { addresses, processes } = sandbox();
    const home = sandboxHome();
    await endProcesses(
      processes.filter(({ name }) => name === 'front'),
      0,
    );
    const refused = await run('sandbox', 'up');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /but for front, which cannot be started again alone/);
    assert.equal((await good('sandbox', 'down')).stdout, 'The sandbox is down\n');
    assert.deepEqual(await findLeftovers({ home, index: addresses.index, instances: [] }), []);
    const seen = await commands('ip netns list; ip -o link; ip route; cat /proc/mounts; losetup -a');
    const ours = seen
      .split('\n')
      .filter((line) => line.includes(home) || line.includes(`zw${addresses.index}-`));
    assert.deepEqual(ours, []);
    assert.deepEqual(
      readdirSync(home).filter((name) => name !== '.lock'),
      ['images'],
    );
    assert.equal((await good('sandbox', 'down')).stdout, 'There was no sandbox\n');
  });
});
