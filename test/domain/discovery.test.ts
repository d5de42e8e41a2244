import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { definitionKey, memberKey, parseNodeKey, presenceKey } from '../../domain/discovery/keys.ts';
import { readServices, serviceKeys } from '../../domain/discovery/layout.ts';
import { project } from '../../domain/discovery/project.ts';
import { settle, SILENCE_MS } from '../../domain/discovery/settle.ts';
import type { Entry, Member, ServiceView } from '../../domain/discovery/values.ts';

const entry = (key: string, value: unknown, created = 1): Entry => ({
  key,
  value: typeof value === 'string' ? value : JSON.stringify(value),
  created,
});
const at = (address: string) => ({ address, pod: 'web-1', uid: 'u' });
const MEMBERS = [
  entry(memberKey('a'), { podCidr: '10.64.0.0/24', instanceId: 'i-1', name: 'worker-0' }),
  entry(memberKey('b'), { podCidr: '10.64.1.0/24', instanceId: 'i-2', name: 'worker-1' }),
];
const WEB = entry(definitionKey('web'), { scheme: 'http', port: 8080, publicNames: ['shop.example.com'] });
const projected = (presence: readonly Entry[], definitions: readonly Entry[] = [WEB]) => {
  const { services, problems, live } = project(presence, MEMBERS, definitions);
  return { services: Object.fromEntries(services), problems, live: [...live] };
};

suite('keys of nodes', () => {
  for (const [key, reason] of [
    ['/other/a/web/1', 'it is not below /nodes/'],
    ['/nodes/a/web', 'expected /nodes/<node>/<service>/<number>'],
    ['/nodes/a', 'expected /nodes/<node>/<service>/<number>'],
    ['/nodes/a/web/1/more', 'expected /nodes/<node>/<service>/<number>'],
    ['/nodes/A!/web/1', '"A!" is not the name of a node'],
    ['/nodes//web/1', '"" is not the name of a node'],
    ['/nodes/a/Web/1', '"Web" is not the name of a service'],
    ['/nodes/a/we\nb/1', '"we\nb" is not the name of a service'],
    ['/nodes/a/web/01', '"01" is not the number of an instance'],
    ['/nodes/a/web/-1', '"-1" is not the number of an instance'],
    ['/nodes/a/web/', '"" is not the number of an instance'],
    ['/nodes/a/web/1e3', '"1e3" is not the number of an instance'],
  ] as const) {
    test(`${JSON.stringify(key)} is malformed`, () => {
      assert.deepEqual(parseNodeKey(key), { kind: 'malformed', reason });
    });
  }

  test('an instance and the agent itself are told apart, even where a service is called agent', () => {
    assert.deepEqual(parseNodeKey(presenceKey('a', 'agent', 0)), {
      kind: 'instance',
      node: 'a',
      service: 'agent',
      number: 0,
    });
    assert.deepEqual(parseNodeKey('/nodes/a/agent'), { kind: 'agent', node: 'a' });
  });
});

suite('projection', () => {
  test('what is announced is projected by number', () => {
    const { services, problems, live } = projected([
      entry('/nodes/a/agent', {}),
      entry(presenceKey('a', 'web', 7), at('10.64.0.5:8080')),
      entry(presenceKey('b', 'web', 8), at('10.64.1.5:8080')),
    ]);
    assert.deepEqual(services['web'], {
      scheme: 'http',
      names: ['shop.example.com'],
      hosts: { 7: '10.64.0.5:8080', 8: '10.64.1.5:8080' },
    });
    assert.deepEqual([problems, live], [[], ['a']]);
  });

  for (const [what, key, value, reason] of [
    [
      'an address of another node',
      presenceKey('a', 'web', 1),
      at('10.64.1.5:80'),
      /outside of the node's pod range 10\.64\.0\.0\/24/,
    ],
    ['an address outside of all', presenceKey('a', 'web', 1), at('169.254.169.254:80'), /outside/],
    ['an octet that is none', presenceKey('a', 'web', 1), at('10.64.0.500:80'), /is not an address and port/],
    ['port 0', presenceKey('a', 'web', 1), at('10.64.0.5:0'), /has no port/],
    ['port 70000', presenceKey('a', 'web', 1), at('10.64.0.5:70000'), /has no port/],
    [
      'a second line',
      presenceKey('a', 'web', 1),
      at('10.64.0.5:80\n  server x 1.2.3.4:1'),
      /cannot read its value at "address"/,
    ],
    ['what is no JSON', presenceKey('a', 'web', 1), 'hello', /its value is not JSON/],
    ['what is no object', presenceKey('a', 'web', 1), [], /cannot read its value/],
    ['an unknown node', presenceKey('c', 'web', 1), at('10.64.0.5:80'), /node "c" is no member/],
    ['an unknown service', presenceKey('a', 'db', 1), at('10.64.0.5:80'), /service "db" is not defined/],
    ['a malformed key', '/nodes/a/web/one', at('10.64.0.5:80'), /"one" is not the number/],
  ] as const) {
    test(`${what} is skipped and named`, () => {
      const { services, problems } = projected([
        entry(key, value),
        entry(presenceKey('a', 'web', 2), at('10.64.0.6:80')),
      ]);
      assert.deepEqual(services['web']?.hosts, { 2: '10.64.0.6:80' });
      assert.deepEqual(
        problems.map((problem) => [problem.key, reason.test(problem.reason)]),
        [[key, true]],
      );
    });
  }

  test('of two nodes with one number the later is right, in whatever order they come', () => {
    const old = entry(presenceKey('b', 'web', 1), at('10.64.1.5:80'), 5);
    const moved = entry(presenceKey('a', 'web', 1), at('10.64.0.5:80'), 9);
    for (const presence of [
      [old, moved],
      [moved, old],
    ]) {
      const { services, problems } = projected(presence);
      assert.deepEqual(services['web']?.hosts, { 1: '10.64.0.5:80' });
      assert.deepEqual(
        problems.map(({ key }) => key),
        [old.key],
      );
    }
  });

  test('a port goes to one service; the router’s own to none', () => {
    const tcp = (name: string, hostPort: number) =>
      entry(definitionKey(name), { scheme: 'tcp', hostPort, port: 1 });
    const { services, problems } = projected([], [tcp('b', 5432), tcp('a', 5432), tcp('c', 80)]);
    assert.deepEqual(
      Object.entries(services).map(([name, { hostPort }]) => [name, hostPort]),
      [
        ['a', 5432],
        ['b', undefined],
        ['c', undefined],
      ],
    );
    assert.match(problems[0]?.reason ?? '', /port 5432 is that of service "a"/);
    assert.match(problems[1]?.reason ?? '', /port 80 is the router’s own/);
  });

  test('definitions and members that cannot be read are named', () => {
    const { problems } = project(
      [],
      [entry(memberKey('x'), { podCidr: 'all' })],
      [
        entry(definitionKey('Web'), { scheme: 'http', port: 1 }),
        entry(definitionKey('db'), { scheme: 'udp', port: 1 }),
      ],
    );
    assert.deepEqual(
      problems.map(({ key }) => key),
      ['/members/x', '/definitions/Web', '/definitions/db'],
    );
  });
});

suite('layout', () => {
  const view: ServiceView = {
    scheme: 'tcp',
    hostPort: 5432,
    names: ['db.example.com'],
    hosts: { 10: '10.64.0.5:80', 9: '10.64.0.6:80' },
  };
  test('a service is written as the layout says and read back', () => {
    const keys = serviceKeys('db', view);
    assert.deepEqual(
      [...keys],
      [
        ['/services/db/scheme', 'tcp'],
        ['/services/db/host_port', '5432'],
        ['/services/db/hosts/9', '10.64.0.6:80'],
        ['/services/db/hosts/10', '10.64.0.5:80'],
        ['/services/db/names/0', 'db.example.com'],
      ],
    );
    const { services, problems } = readServices([...keys].map(([key, value]) => ({ key, value })));
    assert.deepEqual([Object.fromEntries(services), problems], [{ db: view }, []]);
  });

  test('what is no part of it is left out and named', () => {
    const { services, problems } = readServices(
      [
        ['/services/web/scheme', 'http'],
        ['/services/web/hosts/1', 'example.com:80'],
        ['/services/web/hosts/x', '10.0.0.1:80'],
        ['/services/web/host_port', '99999'],
        ['/services/web/names/0', 'a b'],
        ['/services/web/other', '1'],
        ['/services/we b/scheme', 'http'],
        ['/services/lost/hosts/1', '10.0.0.1:80'],
      ].map(([key = '', value = '']) => ({ key, value })),
    );
    assert.deepEqual(Object.fromEntries(services), { web: { scheme: 'http', names: [], hosts: {} } });
    assert.equal(problems.length, 7);
  });
});

suite('what routers read next', () => {
  const members = new Map<string, Member>([
    ['a', { podCidr: '10.64.0.0/24', instanceId: 'i-1', name: 'worker-0' }],
    ['b', { podCidr: '10.64.1.0/24', instanceId: 'i-2', name: 'worker-1' }],
  ]);
  const view = (hosts: Record<number, string>): ServiceView => ({ scheme: 'http', names: [], hosts });
  const A = '10.64.0.5:80';
  const B = '10.64.1.5:80';
  const NOW = 1_000_000;
  const ago = (ms: number) => NOW - ms;

  const cases: readonly {
    what: string;
    current: Record<number, string>;
    wanted: Record<number, string> | undefined;
    live: readonly string[];
    silent?: Record<string, number>;
    hosts: Record<number, string> | undefined;
    frozen?: boolean;
    lookAt?: number;
  }[] = [
    { what: 'what comes is taken', current: {}, wanted: { 1: A }, live: ['a'], hosts: { 1: A } },
    {
      what: 'what its node withdrew goes at once',
      current: { 1: A, 2: B },
      wanted: { 2: B },
      live: ['a', 'b'],
      hosts: { 2: B },
    },
    {
      what: 'what a silent node had stays for a while',
      current: { 1: A, 2: B },
      wanted: { 2: B },
      live: ['b'],
      silent: { a: ago(1000) },
      hosts: { 1: A, 2: B },
      lookAt: NOW + SILENCE_MS - 1000,
    },
    {
      what: 'and goes after it',
      current: { 1: A, 2: B },
      wanted: { 2: B },
      live: ['b'],
      silent: { a: ago(SILENCE_MS) },
      hosts: { 2: B },
    },
    {
      what: 'all nodes silent: nothing goes, however long',
      current: { 1: A, 2: B },
      wanted: {},
      live: [],
      silent: { a: ago(SILENCE_MS * 9), b: ago(SILENCE_MS * 9) },
      hosts: { 1: A, 2: B },
      frozen: true,
    },
    {
      what: 'the last of a service stays, though it was withdrawn',
      current: { 1: A },
      wanted: {},
      live: ['a', 'b'],
      hosts: { 1: A },
      frozen: true,
    },
    {
      what: 'a number that moved is where it is announced',
      current: { 1: A },
      wanted: { 1: B },
      live: ['b'],
      silent: { a: ago(0) },
      hosts: { 1: B },
    },
    {
      what: 'a node that is no member keeps nothing',
      current: { 1: '10.64.9.1:80', 2: B },
      wanted: { 2: B },
      live: ['b'],
      hosts: { 2: B },
    },
    {
      what: 'without its definition a service goes',
      current: { 1: A },
      wanted: undefined,
      live: [],
      hosts: undefined,
    },
  ];
  for (const { what, current, wanted, live, silent = {}, hosts, frozen = false, lookAt } of cases) {
    test(what, () => {
      const settled = settle({
        members,
        problems: [],
        services: new Map(wanted === undefined ? [] : [['web', view(wanted)]]),
        live: new Set(live),
        current: new Map([['web', view(current)]]),
        silentSince: new Map(Object.entries(silent)),
        now: NOW,
      });
      assert.deepEqual(settled.services.get('web')?.hosts, hosts);
      assert.deepEqual([settled.frozen.has('web'), settled.lookAt], [frozen, lookAt]);
    });
  }
});
