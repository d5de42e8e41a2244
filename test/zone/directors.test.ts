/**
 * Directors of the shared zone: from one to three, one power-cut, back to one. With the gate, the first director goes
 * as well, and a new one takes its slot.
 */
import assert from 'node:assert/strict';
import { before, suite, test, type TestContext } from 'node:test';
import { inside, isReady, kubectl, machinesOf, nodes, powerCut, type Machine } from '../system/machines.ts';
import { good, json, run, until } from '../system/person.ts';
import { sharedZone, ZONE } from './shared-zone.ts';

const GATE = process.env['ZONEWRIGHT_GATE'] === '1';
const PKI = '/etc/zonewright/pki';

suite('directors', { timeout: 900_000 }, () => {
  let machines: Map<string, Machine>;
  const named = (name: string): Machine => {
    const machine = machines.get(name);
    assert.ok(machine, name);
    return machine;
  };
  const border = () => named('border-0');
  const directors = () => [...machines.keys()].filter((name) => name.startsWith('director-')).toSorted();

  before(async () => {
    machines = await sharedZone();
    assert.deepEqual(directors(), ['director-0']);
  });

  /** The member list as one of the directors tells it: voters by name, learners with a question mark. */
  const members = async (asked = 'director-0'): Promise<string[]> => {
    const text = await inside(
      border(),
      ...['etcdctl', `--endpoints=https://${named(asked).privateIp}:2379`, '--cacert=/etc/etcd/pki/ca.crt'],
      ...[`--cert=${PKI}/etcd-client.crt`, `--key=${PKI}/etcd-client.key`, 'member', 'list', '-w', 'json'],
    );
    const list = JSON.parse(text) as { members: { name?: string; isLearner?: boolean }[] };
    return list.members.map(({ name = '', isLearner }) => (isLearner ? `${name}?` : name)).toSorted();
  };
  const apiServers = async (): Promise<number> => {
    const text = await kubectl(border(), 'get', 'endpointslice', 'kubernetes', '-o', 'json');
    const { endpoints } = JSON.parse(text) as { endpoints: { addresses: string[] }[] };
    return endpoints.flatMap(({ addresses }) => addresses).length;
  };
  const join = async (t: TestContext, name: string): Promise<void> => {
    const start = Date.now();
    await good('node', 'join', ZONE, '--role', 'director', '--machine', name, '--yes');
    t.diagnostic(`${name} joined in ${((Date.now() - start) / 1000).toFixed(1)} s`);
    machines = await machinesOf(ZONE);
  };
  const remove = async (t: TestContext, name: string): Promise<void> => {
    const start = Date.now();
    await good('node', 'remove', ZONE, name, '--yes');
    t.diagnostic(`${name} removed in ${((Date.now() - start) / 1000).toFixed(1)} s`);
    machines = await machinesOf(ZONE);
  };
  const allReady = async () => {
    const list = await nodes(border());
    return list.length > 0 && list.every(isReady);
  };
  /** When each node has last said that it lives. */
  const renewals = async (): Promise<number[]> => {
    const known = new Set((await nodes(border())).map(({ metadata }) => metadata.name));
    const text = await kubectl(border(), '-n', 'kube-node-lease', 'get', 'leases', '-o', 'json');
    const { items } = JSON.parse(text) as {
      items: { metadata: { name: string }; spec: { renewTime: string } }[];
    };
    return items
      .filter(({ metadata }) => known.has(metadata.name))
      .map(({ spec }) => Date.parse(spec.renewTime));
  };

  test('from one to three: each a voter, each with an API server that takes the others’ tokens', async (t) => {
    await join(t, 'director-1');
    assert.deepEqual(await members(), ['director-0', 'director-1']);
    await join(t, 'director-2');
    assert.deepEqual(await members('director-2'), ['director-0', 'director-1', 'director-2']);
    await until('three API servers behind the service', 30, async () => (await apiServers()) === 3);
    const server = (name: string) => `--server=https://${named(name).privateIp}:6443`;
    const token = await kubectl(border(), server('director-1'), 'create', 'token', 'default');
    const ca = '--certificate-authority=/etc/kubernetes/pki/ca.crt';
    for (const name of directors()) {
      const who = ['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'];
      const said = await inside(border(), 'kubectl', server(name), ca, `--token=${token.trim()}`, ...who);
      assert.equal(said, 'system:serviceaccount:default:default', name);
    }
  });

  test('one loses its power: the API answers on, nodes stay ready, and the healthy ones must stay', async (t) => {
    const cut = Date.now();
    await powerCut(named('director-1'));
    let [failed, slowest] = [0, 0];
    while (Date.now() - cut < 12_000) {
      const asked = Date.now();
      const answered = await kubectl(
        border(),
        '--request-timeout=8s',
        'get',
        '--raw',
        '/api/v1/namespaces/default',
      )
        .then(() => true)
        .catch(() => false);
      if (!answered) failed += 1;
      slowest = Math.max(slowest, Date.now() - asked);
    }
    t.diagnostic(`after the cut: slowest answer ${slowest} ms, ${failed} failed`);
    assert.ok(slowest < 8_000, `slowest ${slowest} ms`);
    // Every kubelet has written since: its way leads around the dead one.
    await until('every node to have reported since', 15, async () =>
      (await renewals()).every((at) => at > cut + 5_000),
    );
    assert.ok(await allReady());
    const refused = await run('node', 'remove', ZONE, 'director-0', '--yes');
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr + refused.stdout,
      /quorum would be lost: 1 of 2 voters healthy, 2 needed.*remove first: "director-1"/,
    );
    const joining = await run('node', 'join', ZONE, '--role', 'worker', '--machine', 'director-3', '--yes');
    assert.equal(joining.code, 2);
  });

  test('the dead one is taken out, and the third; one remains', async (t) => {
    await remove(t, 'director-1');
    assert.deepEqual(await members(), ['director-0', 'director-2']);
    await remove(t, 'director-2');
    assert.deepEqual(await members(), ['director-0']);
    const last = await run('node', 'remove', ZONE, 'director-0', '--yes');
    assert.notEqual(last.code, 0);
    assert.match(last.stderr, /it is the last director/);
    await until('one API server behind the service', 40, async () => (await apiServers()) === 1);
    assert.ok(await allReady());
    const { machines: listed } = await json<{ machines: { machine: string }[] }>('node', 'list', ZONE);
    assert.deepEqual(
      listed.filter(({ machine }) => machine.startsWith('director-')).map(({ machine }) => machine),
      ['director-0'],
    );
  });

  test('the first goes like any other, and a new one takes its slot', { skip: !GATE }, async (t) => {
    const genesis = named('director-0').id;
    await join(t, 'director-1');
    await remove(t, 'director-0');
    assert.deepEqual(await members('director-1'), ['director-1']);
    await until('every node to be ready', 60, allReady);
    await join(t, 'director-0');
    assert.notEqual(named('director-0').id, genesis);
    await remove(t, 'director-1');
    assert.deepEqual(await members(), ['director-0']);
    await until('every node to be ready', 60, allReady);
  });
});
