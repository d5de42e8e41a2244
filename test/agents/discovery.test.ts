/** From what nodes announce to what HAProxy does, with the real etcd and its users, and the real HAProxy. */
import assert from 'node:assert/strict';
import type { Etcd3 } from 'etcd3';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { after, afterEach, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { discoveryChecks } from '../../activities/checks/discovery.ts';
import type { EtcdAccess } from '../../activities/cloud/etcd.ts';
import {
  CHANGED_KEY,
  agentKey,
  definitionKey,
  frozenKey,
  PROBLEMS_KEY,
  presenceKey,
  routerKey,
} from '../../domain/discovery/keys.ts';
import { routerReportSchema, type Definition, type RouterReport } from '../../domain/discovery/values.ts';
import { freePort } from '../activities/control-plane.ts';
import { inActivity, untilSettled } from '../activities/run-effect.ts';
import { startLoad } from '../../sandbox/load/load.ts';
import { BORDER, nodeOf, TestDiscovery, type WorkerName } from './discovery-fixture.ts';
import { eventually, startShouter, TestBorder, TestInstance } from './router-fixture.ts';

suite('discovery', { timeout: 240_000 }, () => {
  let discovery: TestDiscovery;
  let border: TestBorder;
  let root: Etcd3;
  let rootAccess: EtcdAccess;
  const nodes = {} as Record<WorkerName, Etcd3>;

  before(async () => {
    discovery = await TestDiscovery.start();
    root = await discovery.root();
    rootAccess = await discovery.access('border', BORDER, 'discovery-operator');
    const members = await discovery.members();
    for (const each of [members.border, members.a, members.b]) await members.runner.create(each);
    nodes.a = await discovery.worker('a');
    nodes.b = await discovery.worker('b');
    for (const name of ['a', 'b'] as const) await nodes[name].put(agentKey(nodeOf(name))).value('{}');
    border = await TestBorder.start(discovery);
  });
  after(async () => {
    await border?.stop();
    for (const client of [root, nodes.a, nodes.b]) client?.close();
    await discovery?.stop();
  });

  const define = (service: string, definition: Partial<Definition> = {}) =>
    root
      .put(definitionKey(service))
      .value(JSON.stringify({ scheme: 'http', port: 80, publicNames: [], ...definition }));
  const announce = (name: WorkerName, service: string, number: number, address: string) =>
    nodes[name]
      .put(presenceKey(nodeOf(name), service, number))
      .value(JSON.stringify({ address, pod: `${service}-${number}`, uid: 'u' }));
  const withdraw = (name: WorkerName, service: string, number: number) =>
    nodes[name].delete().key(presenceKey(nodeOf(name), service, number));
  const report = async (): Promise<RouterReport | undefined> => {
    const text = await root.get(routerKey(BORDER)).string();
    return text === null ? undefined : routerReportSchema.parse(JSON.parse(text));
  };
  /** Revision of the last change of a service's hosts. */
  const revisionOf = async (service: string) =>
    Number((await root.get(`/services/${service}/scheme`).exec()).kvs[0]?.mod_revision ?? 0);
  const hosts = async (service: string) => root.getAll().prefix(`/services/${service}/hosts/`).strings();
  const routed = (service: string, numbers: readonly number[]) =>
    eventually(
      async () => {
        const there = Object.keys(await hosts(service)).map((key) => Number(key.split('/').at(-1)));
        if (JSON.stringify(there.toSorted((x, y) => x - y)) !== JSON.stringify(numbers)) return undefined;
        const wanted = await revisionOf(service);
        return ((await report())?.revision ?? 0) >= wanted && wanted;
      },
      `${service} is routed to ${numbers.join(', ')}`,
    );
  const drained = (revision: number) =>
    eventually(
      async () => ((await report())?.drained ?? 0) >= revision,
      `drained of what is older than ${revision}`,
      15_000,
    );
  const ask = (host: string, path = '/'): Promise<{ status: number; lines: string[] }> =>
    new Promise((resolve, reject) => {
      const call = request(
        { host: '127.0.0.1', port: border.httpPort, path, headers: { host }, agent: false },
        (answer) => {
          let text = '';
          answer.on('data', (part: Buffer) => (text += part.toString()));
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, lines: text.split('\n') }));
        },
      );
      call.on('error', reject);
      call.end();
    });
  /** Takes a service away, whatever a test left of it. */
  const used: string[] = [];
  afterEach(async () => {
    for (const service of used.splice(0)) {
      await root.delete().key(definitionKey(service));
      for (const name of ['a', 'b'] as const)
        await nodes[name].delete().prefix(`/nodes/${nodeOf(name)}/${service}/`);
      await eventually(async () => Object.keys(await hosts(service)).length === 0, `${service} is gone`);
    }
  });

  test('a node writes below its own prefix, and nothing else', async () => {
    const { a, b } = nodes;
    const ours = presenceKey(nodeOf('a'), 'web', 1);
    const theirs = presenceKey(nodeOf('b'), 'web', 1);
    await a.put(ours).value('x');
    const lease = b.lease(30);
    const id = await lease.grant();
    await lease.put(theirs).value('y').exec();
    const denied = /permission denied/;
    await assert.rejects(a.put(theirs).value('x').exec(), denied);
    await assert.rejects(
      a
        .put(`/nodes/${nodeOf('a')}`)
        .value('x')
        .exec(),
      denied,
    );
    await assert.rejects(
      a
        .put(`/nodes/${nodeOf('a')}x/web/1`)
        .value('x')
        .exec(),
      denied,
    );
    await assert.rejects(a.delete().key(theirs).exec(), denied);
    await assert.rejects(a.delete().all().exec(), denied);
    await assert.rejects(a.leaseClient.leaseRevoke({ ID: id }), denied);
    for (const key of [
      '/services/web/scheme',
      '/members/x',
      '/definitions/web',
      routerKey(BORDER),
      PROBLEMS_KEY,
    ]) {
      await assert.rejects(a.put(key).value('x').exec(), denied, key);
      await assert.rejects(a.get(key).exec(), denied, key);
    }
    await assert.rejects(a.getAll().prefix('/nodes/').exec(), denied);
    await assert.rejects(a.auth.userList(), denied);
    await assert.rejects(a.auth.authDisable(), denied);
    assert.equal(await root.get(theirs).string(), 'y');
    await lease.revoke();
    await a.delete().key(ours);
  });

  test('projector and router write what is theirs, and nothing else', async () => {
    const open = async (id: string) => {
      const { openDiscovery } = await import('../../agents/discovery/client.ts');
      const key = id === 'discovery-router' ? routerKey(BORDER) : PROBLEMS_KEY;
      return openDiscovery(await discovery.access('border', BORDER, id), key);
    };
    const [projector, router] = [await open('discovery-projector'), await open('discovery-router')];
    const denied = /permission denied/;
    try {
      for (const key of ['/nodes/x/web/1', '/members/x', '/definitions/x', routerKey(BORDER)])
        await assert.rejects(projector.put(key).value('x').exec(), denied, key);
      for (const key of ['/services/web/hosts/1', '/nodes/x/web/1', PROBLEMS_KEY, routerKey('i-0')])
        await assert.rejects(router.put(key).value('x').exec(), denied, key);
      await assert.rejects(router.getAll().prefix('/nodes/').exec(), denied);
    } finally {
      projector.close();
      router.close();
    }
  });

  test('a service is reached by host name, public name, path and port', async () => {
    used.push('web', 'shout');
    const one = await TestInstance.start('one', '127.0.1.1');
    const shouter = await startShouter('127.0.2.9');
    const port = await freePort();
    try {
      await define('web', { publicNames: ['shop.example.com'] });
      await define('shout', { scheme: 'tcp', hostPort: port });
      await announce('a', 'web', 7, one.address);
      await announce('b', 'shout', 1, shouter.address);
      await Promise.all([routed('web', [7]), routed('shout', [1])]);
      assert.deepEqual(await ask('web.zone03.prod.example.com', '/x?y=1'), {
        status: 200,
        lines: ['one', '/x?y=1', ''],
      });
      assert.deepEqual((await ask('WEB.elsewhere.example:80', '/')).lines[0], 'one');
      assert.deepEqual((await ask('shop.example.com')).lines[0], 'one');
      assert.deepEqual((await ask('zone03.prod.example.com', '/web/x')).lines, ['one', '/x', '/web']);
      assert.deepEqual((await ask('zone03.prod.example.com', '/web')).lines, ['one', '/', '/web']);
      for (const [host, path] of [
        ['zone03.prod.example.com', '/'],
        ['website.example.com', '/'],
        ['a', '/website'],
      ] as const)
        assert.deepEqual((await ask(host, path)).status, 404, host + path);
      // A service of a port has no host name.
      assert.equal((await ask('shout.example.com')).status, 404);
      const socket = connect(port, '127.0.0.1');
      socket.write('hello');
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.equal(answer.toString(), 'HELLO');
      socket.destroy();
    } finally {
      one.die();
      shouter.stop();
    }
  });

  test('what is malformed is skipped, reported and never rendered', async () => {
    used.push('web');
    const one = await TestInstance.start('one', '127.0.1.1');
    await define('web');
    const prefix = `/nodes/${nodeOf('a')}/web/`;
    const bad: Record<string, string> = {
      [`${prefix}x`]: '{}',
      [`${prefix}2`]: 'not json',
      [`${prefix}3`]: JSON.stringify({ address: '127.0.2.1:80', pod: 'p', uid: 'u' }),
      [`${prefix}4`]: JSON.stringify({
        address: '127.0.1.1:80\n  server evil 1.2.3.4:80',
        pod: 'p',
        uid: 'u',
      }),
      [`/nodes/${nodeOf('a')}/nobody/1`]: JSON.stringify({ address: '127.0.1.1:80', pod: 'p', uid: 'u' }),
    };
    for (const [key, value] of Object.entries(bad)) await nodes.a.put(key).value(value);
    await announce('a', 'web', 1, one.address);
    await routed('web', [1]);
    const problems = await eventually(async () => {
      const found = JSON.parse((await root.get(PROBLEMS_KEY).string()) ?? '[]') as {
        key: string;
        reason: string;
      }[];
      return found.length === 5 && found;
    }, 'problems are reported');
    assert.deepEqual(problems.map(({ key }) => key).toSorted(), Object.keys(bad).toSorted());
    assert.equal((await ask('web.x')).lines[0], 'one');
    one.die();
    for (const key of Object.keys(bad)) await nodes.a.delete().key(key);
    await eventually(async () => (await root.get(PROBLEMS_KEY).string()) === '[]', 'problems are forgotten');
  });

  test('the loss of all presence takes nothing out; its return does', async () => {
    used.push('web');
    const [one, two] = [
      await TestInstance.start('one', '127.0.1.1'),
      await TestInstance.start('two', '127.0.2.1'),
    ];
    await define('web');
    await announce('a', 'web', 1, one.address);
    await announce('b', 'web', 2, two.address);
    await routed('web', [1, 2]);
    // As leases end: all of a node in one revision, one node after the other.
    for (const name of ['a', 'b'] as const) {
      await nodes[name].delete().prefix(`/nodes/${nodeOf(name)}/`);
      await sleep(300);
    }
    await eventually(
      async () => (await root.get(frozenKey('web')).string()) !== null,
      'the service is frozen',
    );
    assert.equal(Object.keys(await hosts('web')).length, 2);
    const answers = new Set<string | undefined>(
      await Promise.all(Array.from({ length: 8 }, async () => (await ask('web.x')).lines[0])),
    );
    assert.deepEqual(answers, new Set(['one', 'two']));
    for (const name of ['a', 'b'] as const) await nodes[name].put(agentKey(nodeOf(name))).value('{}');
    await announce('b', 'web', 2, two.address);
    await routed('web', [2]);
    assert.equal(await root.get(frozenKey('web')).string(), null);
    one.die();
    two.die();
  });

  for (const keepAlive of [true, false]) {
    test(`all instances are replaced again and again under load and no request is lost, ${keepAlive ? 'with' : 'without'} keep-alive`, async () => {
      used.push('web');
      await define('web');
      const start = (round: number) =>
        Promise.all(
          [1, 2, 3].map((at) =>
            TestInstance.start(`round-${round}`, `127.0.${1 + (at % 2)}.${10 * round + at}`, 100),
          ),
        );
      const numbers = (round: number) => [1, 2, 3].map((at) => 10 * round + at);
      const put = (round: number, all: readonly TestInstance[]) =>
        Promise.all(
          all.map((each, at) => announce(at % 2 === 0 ? 'b' : 'a', 'web', 10 * round + at + 1, each.address)),
        );
      const take = (round: number) =>
        Promise.all(numbers(round).map((number, at) => withdraw(at % 2 === 0 ? 'b' : 'a', 'web', number)));
      let old = await start(0);
      await put(0, old);
      await routed('web', numbers(0));
      const load = startLoad({
        url: `http://127.0.0.1:${border.httpPort}/`,
        host: 'web.x',
        rate: 250,
        keepAlive,
      });
      try {
        for (let round = 1; round <= 3; round++) {
          const next = await start(round);
          await put(round, next);
          await routed('web', [...numbers(round - 1), ...numbers(round)]);
          await take(round - 1);
          const revision = await routed('web', numbers(round));
          await drained(revision);
          for (const each of old) each.die();
          old = next;
        }
        await sleep(500);
      } finally {
        const done = await load.stop();
        for (const each of old) each.die();
        assert.deepEqual([done.failed, done.errors], [0, {}], JSON.stringify(done));
        assert.ok(done.sent / done.seconds > 200, `${done.sent} requests in ${done.seconds} s`);
        assert.deepEqual(Object.keys(done.answers).toSorted(), ['round-0', 'round-1', 'round-2', 'round-3']);
      }
    });
  }

  test('a connection that is idle keeps a process that was followed for ten seconds at most, and is not cut', async () => {
    used.push('web');
    await define('web');
    const [one, two] = [
      await TestInstance.start('one', '127.0.1.1'),
      await TestInstance.start('two', '127.0.2.1'),
    ];
    await announce('a', 'web', 1, one.address);
    await routed('web', [1]);
    const idle = async () => {
      const socket = connect(border.httpPort, '127.0.0.1');
      await once(socket, 'connect');
      const asked = async () => {
        socket.write('GET / HTTP/1.1\r\nHost: web.x\r\n\r\n');
        return String((await once(socket, 'data'))[0]);
      };
      assert.match(await asked(), /200 OK/);
      return { socket, asked };
    };
    const [used1, silent] = [await idle(), await idle()];
    await announce('b', 'web', 2, two.address);
    const revision = await routed('web', [1, 2]);
    assert.ok(((await report())?.drained ?? 0) < revision, 'connections from before are there');
    // One more request is answered, and the connection closed with it.
    assert.match(await used1.asked(), /200 OK[\s\S]*connection: close/i);
    const began = Date.now();
    await drained(revision);
    const took = Date.now() - began;
    assert.ok(took > 2_000 && took < 12_000, `the silent connection kept it for ${took} ms`);
    silent.socket.destroy();
    used1.socket.destroy();
    one.die();
    two.die();
  });

  test('a port that another program has is reported; what was loaded stays, and the rest goes on', async () => {
    used.push('web', 'taken');
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const one = await TestInstance.start('one', '127.0.1.1');
    await define('web');
    await announce('a', 'web', 1, one.address);
    await routed('web', [1]);
    const { port } = other.address() as { port: number };
    await define('taken', { scheme: 'tcp', hostPort: port });
    const { error, revision } = await eventually(async () => {
      const found = await report();
      return found?.error !== undefined && found;
    }, 'the router says that it cannot');
    assert.match(error ?? '', new RegExp(`port ${port} is taken`));
    assert.ok(revision < (await revisionOf('taken')));
    await assert.rejects(
      inActivity(() => discoveryChecks(rootAccess)['discovery.loaded']({ revision: revision + 1 })),
      /is at \d+ \(port \d+ is taken/,
    );
    assert.equal((await ask('web.x')).status, 200);
    other.close();
    await routed('taken', []);
    one.die();
  });

  test('a fresh etcd, to which nobody has projected yet, takes nothing out of a router', async () => {
    used.push('web');
    const one = await TestInstance.start('one', '127.0.1.1');
    await define('web');
    await announce('a', 'web', 1, one.address);
    await routed('web', [1]);
    await border.stopAgents();
    // All at once, as on the etcd of a director that takes over.
    const gone = [definitionKey('web'), CHANGED_KEY].map((key) => ({ key: Buffer.from(key) }));
    const services = { key: Buffer.from('/services/'), range_end: Buffer.from('/services0') };
    const success = [...gone, services].map((request_delete_range) => ({ request_delete_range }));
    const { header } = await root.kv.txn({ compare: [], failure: [], success });
    await border.startAgents();
    await eventually(
      async () => ((await report())?.revision ?? 0) >= Number(header.revision),
      'the router has seen it',
    );
    assert.equal((await ask('web.x')).lines[0], 'one');
    await define('web');
    await routed('web', [1]);
    // What somebody projected away is gone.
    await root.delete().key(definitionKey('web'));
    await eventually(async () => (await ask('web.x')).status === 404, 'web is routed no longer');
    one.die();
  });

  test(
    'without etcd, over restarts of everything on the border, requests go where they went',
    { timeout: 60_000 },
    async () => {
      used.push('web');
      await define('web');
      const one = await TestInstance.start('one', '127.0.1.1');
      await announce('a', 'web', 1, one.address);
      await routed('web', [1]);
      await discovery.kill();
      await border.stopAgents();
      await border.killHaproxy();
      await border.startHaproxy();
      await border.startAgents();
      assert.equal((await ask('web.x')).lines[0], 'one');
      await sleep(1_000);
      assert.equal((await ask('web.x')).lines[0], 'one');
      await discovery.run();
      const two = await TestInstance.start('two', '127.0.2.1');
      await untilAnswered(() => announce('b', 'web', 2, two.address).exec());
      await withdraw('a', 'web', 1);
      await routed('web', [2]);
      assert.equal((await ask('web.x')).lines[0], 'two');
      one.die();
      two.die();
    },
  );

  const untilAnswered = (run: () => Promise<unknown>) =>
    eventually(async () => {
      try {
        await run();
        return true;
      } catch {
        return undefined;
      }
    }, 'etcd answers again');

  test('a zone’s worker waits for routers, and gives a silent one up after its lease and a reload', async () => {
    const loaded = (revision: number, age: number) =>
      inActivity(() => discoveryChecks(rootAccess)['discovery.loaded']({ revision }), { age });
    assert.deepEqual(await untilSettled(() => loaded(1, 0)), { routers: [BORDER], silent: [] });
    await root.put('/borders/i-0ffffffffffffffff').value('{"name":"border-1"}');
    await assert.rejects(loaded(1, 0), /"i-0ffffffffffffffff" is silent/);
    assert.deepEqual((await loaded(1, 71_000)).silent, ['i-0ffffffffffffffff']);
    await root.delete().key('/borders/i-0ffffffffffffffff');
  });

  test('a machine that leaves takes its user and its keys with it; a repeat harms nothing', async () => {
    const { runner, b } = await discovery.members();
    await assert.rejects(
      runner.create({ ...b, plan: { ...b.plan, podCidr: '127.0.9.0/24' } }),
      /value is .*127\.0\.2\.0/,
    );
    assert.deepEqual(await runner.create(b), await runner.create(b));
    await announce('b', 'web', 1, '127.0.2.1:80');
    await runner.delete(b);
    await runner.delete(b);
    assert.deepEqual(
      await root
        .getAll()
        .prefix(`/nodes/${nodeOf('b')}/`)
        .strings(),
      {},
    );
    await assert.rejects(
      announce('b', 'web', 1, '127.0.2.1:80').exec(),
      /user name not found|permission denied/,
    );
    await runner.create(b);
    await untilAnswered(() => announce('b', 'web', 1, '127.0.2.1:80').exec());
    await withdraw('b', 'web', 1);
  });
});
