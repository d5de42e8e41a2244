/**
 * A third worker joins the shared zone and takes pods; a budget keeps them when it is to go, until a person decides; a
 * worker that is dead is removed as well. The zone is left as it was found.
 */
import { EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import assert from 'node:assert/strict';
import { before, suite, test, type TestContext } from 'node:test';
import { loadContext } from '../../clients/contexts.ts';
import { connectTemporal } from '../../clients/temporal.ts';
import { inside, isReady, kubectl, machinesOf, nodes, powerCut, type Machine } from '../system/machines.ts';
import { front, good, inventory, json, run, until } from '../system/person.ts';
import { sharedZone, ZONE } from './shared-zone.ts';

const GATE = process.env['ZONEWRIGHT_GATE'] === '1';
const WORKER = 'worker-2';
const JOIN = `join-${ZONE}-${WORKER}`;
const REMOVE = `remove-${ZONE}-${WORKER}`;
const WORKER_SLOT = '2';

interface Explained {
  readonly explanation: {
    readonly headline: string;
    readonly waits: readonly { readonly what: string; readonly until?: string; readonly then?: string }[];
    readonly question?: { readonly id: string; readonly text: string; readonly choices: readonly string[] };
  };
}

suite('workers', { timeout: 600_000 }, () => {
  let border: Machine;
  let found: readonly string[] = [];

  before(async () => {
    const machines = await sharedZone();
    assert.ok(!machines.has(WORKER));
    border = machines.get('border-0')!;
    found = await parts();
  });

  /** What AWS holds, without the records of what was done. */
  const parts = async (): Promise<string[]> =>
    (await inventory()).filter((item) => !/ (\S+\/)?(operations|keepers?)\//.test(item)).toSorted();
  /** Without what machines said about themselves, which goes with the zone. */
  const withoutTold = (items: readonly string[]) =>
    items.filter((item) => !/s3-prefix \S+\/machines/.test(item));
  const nodeNames = async () => (await nodes(border)).map(({ metadata }) => metadata.name).toSorted();
  const worker = async (): Promise<Machine> => {
    const machine = (await machinesOf(ZONE)).get(WORKER);
    assert.ok(machine, `${WORKER} runs`);
    return machine;
  };
  const explain = async (id: string) => (await json<Explained>('op', 'explain', id)).explanation;

  /** Seconds and AWS calls of one command, and the events of its operation. */
  async function measured(t: TestContext, operation: string, ...args: string[]): Promise<string> {
    const calls = (await front().calls()).at(-1)?.sequence ?? 0;
    const start = Date.now();
    const { stdout } = await good(...args);
    const seconds = ((Date.now() - start) / 1_000).toFixed(1);
    const made = (await front().calls(calls)).length;
    t.diagnostic(`${operation}: ${seconds} s, ${made} AWS calls of all there is`);
    return stdout;
  }

  test('a third worker joins: its pods answer from the border, and it takes work that asks for it', async (t) => {
    const plan = await json<{ hash: string; machine: { name: string; podCidr: string } }>(
      ...['node', 'join', ZONE, '--plan'],
    );
    assert.equal(plan.machine.name, WORKER);
    await good('node', 'join', ZONE, '--yes', '--detach');
    await until('the machine to be begun', 60, async () =>
      (await json<{ made: { step: string }[] }>('zone', 'show', ZONE)).made.some(({ step }) =>
        step.startsWith(`machines/${WORKER}/`),
      ),
    );
    // Asked for by its name, it is this machine that is meant, and not one more.
    const second = await run('node', 'join', ZONE, '--machine', WORKER, '--yes');
    assert.equal(second.code, 3, second.stderr);
    assert.match(second.stderr, /its slot is taken/);
    const joined = JSON.parse(await measured(t, JOIN, 'op', 'show', JOIN, '--follow', '--json')) as {
      state: string;
      result: { instanceId: string; answered: { node: string; address: string } };
    };
    assert.equal(joined.state, 'done');
    assert.equal(joined.result.answered.node, `${joined.result.instanceId}.worker.zone.local`);
    assert.ok(joined.result.answered.address.startsWith(plan.machine.podCidr.split('.0/')[0]!));
    assert.equal((await nodes(border)).filter(isReady).length, 3);
    const again = await run('node', 'join', ZONE, '--machine', WORKER, '--yes');
    assert.equal(again.code, 3);
    assert.match(again.stderr, /its slot is taken/);
    await serveOn(WORKER_SLOT);
    await kubectl(border, 'create', 'pdb', 'kept', '--selector=app=kept', '--min-available=1');
    const [address] = await addresses();
    const answer = await inside(border, 'curl', '-s', '--max-time', '5', `http://${address}:8080/`);
    assert.equal(answer.trim(), 'hello');
  });

  test('a budget that blocks is named first, in plan and explain; an abort uncordons; a decision resolves it', async (t) => {
    await until(
      'the budget to be counted',
      30,
      async () =>
        (await json<{ load: { blocked: unknown[] } }>('node', 'remove', ZONE, WORKER, '--plan')).load.blocked
          .length === 1,
    );
    const plan = await good('node', 'remove', ZONE, WORKER, '--plan');
    assert.match(
      plan.stdout,
      /^will block until .*\n {2}default\/kept-\S+: budget default\/kept, it needs 1 healthy pods and has 1\n/,
    );
    await good('node', 'remove', ZONE, WORKER, '--yes', '--detach');
    const waiting = await until('the wait to name the budget', 60, async () =>
      (await explain(REMOVE)).waits.find(({ what }) => what.includes('default/kept')),
    );
    assert.match(
      waiting.what,
      /default\/kept-\S+ is kept by budget default\/kept: it needs 1 healthy pods and has 1/,
    );
    const second = await run('node', 'remove', ZONE, WORKER, '--yes');
    assert.equal(second.code, 3, second.stderr);
    assert.match(second.stderr, new RegExp(`Cannot start "${REMOVE}": an operation of this id is running`));
    assert.ok(waiting.until !== undefined && /a person decides/.test(waiting.then ?? ''));
    await good('op', 'abort', REMOVE, '--yes');
    const given = await run('op', 'show', REMOVE, '--follow', '--json');
    assert.match(given.stdout, /Aborted; everything was undone/);
    const { metadata, spec } = await nodeOf(await worker());
    assert.equal(spec.unschedulable, undefined);
    assert.equal(metadata.annotations?.['zonewright.dev/cordoned-by'], undefined);
    await good('node', 'remove', ZONE, WORKER, '--yes', '--detach', '--drain-deadline', '3s');
    const asked = await until(
      'the question at the deadline',
      60,
      async () => (await explain(REMOVE)).question,
    );
    assert.match(asked.text, /is not drained in time: default\/kept-\S+ is kept by budget default\/kept/);
    assert.deepEqual(asked.choices, ['wait', 'skip-budgets', 'abort']);
    await good('op', 'decide', REMOVE, 'skip-budgets');
    await measured(t, REMOVE, 'op', 'show', REMOVE, '--follow', '--json');
    await kubectl(border, 'delete', 'deployment/kept', 'pdb/kept');
    assert.deepEqual(await parts(), found);
    assert.equal((await nodeNames()).length, 2);
  });

  test('a worker that EC2 has terminated is removed with its node; removing it again finds nothing', async (t) => {
    const stdout = await measured(t, JOIN, 'node', 'join', ZONE, '--yes', '--json');
    assert.equal((JSON.parse(stdout) as { state: string }).state, 'done');
    const { id } = await worker();
    await terminate(id);
    await measured(t, REMOVE, 'node', 'remove', ZONE, id, '--yes');
    assert.deepEqual(await parts(), found);
    assert.equal(
      (await nodeNames()).some((name) => name.startsWith(id)),
      false,
    );
    const again = await run('node', 'remove', ZONE, id, '--yes');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /Cannot find node/);
  });

  test('a join that was terminated: its machine, which came to be after that, goes by "node remove"', async () => {
    const name = `*${WORKER}*`;
    const launch = {
      service: 'ec2',
      action: 'RunInstances',
      params: { 'TagSpecification.1.Tag.1.Value': name },
    };
    await front().fault([{ match: { ...launch, times: 1 }, effect: { kind: 'delay-effect', ms: 1_500 } }]);
    try {
      await good('node', 'join', ZONE, '--yes', '--detach');
      await until('the launch', 60, () => front().struck('RunInstances'));
      await terminateOperation(JOIN);
      const { stdout } = await good('node', 'remove', ZONE, WORKER, '--plan');
      assert.match(stdout, /begun, no instance is known/);
      await good('node', 'remove', ZONE, WORKER, '--yes');
    } finally {
      await front().clearFaults();
    }
    assert.equal((await machinesOf(ZONE)).has(WORKER), false);
    const late = (await front().calls()).filter(({ fault }) => fault === 'delay-effect').at(-1);
    assert.equal(late?.action, 'RunInstances');
    assert.deepEqual(withoutTold(await parts()), withoutTold(found));
  });

  test(
    'a join that is aborted half way leaves nothing but what its machine said',
    { skip: !GATE },
    async () => {
      const before_ = await nodeNames();
      await good('node', 'join', ZONE, '--yes', '--detach');
      await until('the machine', 120, async () =>
        (await json<{ steps: { step: string; state: string }[] }>('op', 'show', JOIN)).steps.some(
          ({ step, state }) => step.endsWith('/instance') && state === 'done',
        ),
      );
      await good('op', 'abort', JOIN, '--yes');
      const ended = await run('op', 'show', JOIN, '--follow', '--json');
      assert.match(ended.stdout, /Aborted; everything was undone/);
      assert.deepEqual(await nodeNames(), before_);
      assert.deepEqual(withoutTold(await parts()), withoutTold(found));
    },
  );

  test(
    'a worker that is switched off loses its pods only after Kubernetes is told so',
    { skip: !GATE },
    async (t) => {
      await good('node', 'join', ZONE, '--yes');
      await serveOn(WORKER_SLOT);
      const machine = await worker();
      await powerCut(machine);
      await measured(t, REMOVE, 'node', 'remove', ZONE, WORKER, '--yes');
      await kubectl(border, 'delete', 'deployment/kept');
      assert.deepEqual(await parts(), found);
      assert.equal((await nodeNames()).length, 2);
    },
  );

  /** A web server that runs on one worker only. */
  async function serveOn(slot: string): Promise<void> {
    const script = 'mkdir -p /tmp/w && echo hello >/tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w';
    const args = ['--image=zonewright.dev/busybox:1', '--replicas=0', '--', 'sh', '-c', script];
    await kubectl(border, 'create', 'deployment', 'kept', ...args);
    const nodeSelector = { 'zonewright.dev/slot': slot };
    const spec = { replicas: 1, template: { spec: { nodeSelector, terminationGracePeriodSeconds: 1 } } };
    await kubectl(border, 'patch', 'deployment', 'kept', '-p', JSON.stringify({ spec }));
    await kubectl(border, 'rollout', 'status', 'deployment/kept', '--timeout=60s');
  }

  const addresses = async (): Promise<string[]> =>
    (await kubectl(border, 'get', 'pod', '-l', 'app=kept', '-o', 'jsonpath={.items[*].status.podIP}')).split(
      ' ',
    );

  interface NodeObject {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly unschedulable?: boolean };
  }
  const nodeOf = async ({ id }: Machine) =>
    JSON.parse(await kubectl(border, 'get', 'node', `${id}.worker.zone.local`, '-o', 'json')) as NodeObject;
});

/** As a person does in the Temporal UI: nothing of it runs any more. */
async function terminateOperation(id: string): Promise<void> {
  const client = await connectTemporal(loadContext('sandbox'));
  try {
    await client.workflow.getHandle(id).terminate('by the test');
  } finally {
    await client.connection.close();
  }
}

async function terminate(id: string): Promise<void> {
  const ec2 = new EC2Client(loadContext('sandbox').aws);
  try {
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  } finally {
    ec2.destroy();
  }
}
