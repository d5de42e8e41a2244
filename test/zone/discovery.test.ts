/** Pods of a service, from readiness to requests through the border's Elastic IP, on real machines. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DiscoveryState } from '../../domain/discovery/values.ts';
import { inside, kubectl, type Machine } from '../system/machines.ts';
import { startLoad } from '../../sandbox/load/load.ts';
import { good, json } from '../system/person.ts';
import { sharedZone, ZONE } from './shared-zone.ts';

const SERVICE = 'presence-test';
const REPLICAS = 4;

const objects = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: SERVICE },
  spec: {
    replicas: REPLICAS,
    podManagementPolicy: 'Parallel',
    serviceName: SERVICE,
    selector: { matchLabels: { app: SERVICE } },
    ordinals: { start: 5 },
    template: {
      metadata: { labels: { app: SERVICE, 'zonewright.dev/service': SERVICE } },
      spec: {
        terminationGracePeriodSeconds: 1,
        readinessGates: [{ conditionType: 'zonewright.dev/serving' }],
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: SERVICE } },
          },
        ],
        containers: [
          {
            name: 'answer',
            image: 'zonewright.dev/busybox:1',
            imagePullPolicy: 'Never',
            command: [
              'sh',
              '-c',
              'mkdir /tmp/w && hostname >/tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w',
            ],
            ports: [{ name: 'serve', containerPort: 8080 }],
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
};

suite('presence on real machines', { timeout: 240_000 }, () => {
  let machines: Map<string, Machine>;
  let border: Machine;
  before(async () => {
    machines = await sharedZone();
    border = machines.get('border-0')!;
  });
  after(async () => {
    await etcd('del', `/definitions/${SERVICE}`);
    await kubectl(border, 'delete', 'statefulset', SERVICE, '--ignore-not-found', '--cascade=foreground');
    await eventually(async () => Object.keys(await hosts()).length === 0, 'routers forget the service');
  });

  const etcd = (...args: string[]): Promise<string> => inside(border, ...etcdctl(), ...args);
  const etcdctl = () => {
    const pair = '/etc/zonewright/pki/discovery-operator';
    const director = machines.get('director-0')!.privateIp;
    return [
      ...['etcdctl', `--endpoints=https://${director}:2389`, '--cacert=/etc/zonewright/pki/discovery-ca.crt'],
      ...[`--cert=${pair}.crt`, `--key=${pair}.key`],
    ];
  };
  /** Keys and values below a prefix. */
  const below = async (prefix: string): Promise<Record<string, string>> => {
    const lines = (await etcd('get', '--prefix', prefix)).trimEnd().split('\n');
    return Object.fromEntries(
      lines.flatMap((line, at) =>
        at % 2 === 0 && line !== '' ? [[line.slice(prefix.length), lines[at + 1] ?? '']] : [],
      ),
    );
  };
  const hosts = () => below(`/services/${SERVICE}/hosts/`);
  const numbers = async () =>
    Object.keys(await hosts())
      .map(Number)
      .toSorted((a, b) => a - b);
  const readyPods = async (): Promise<string[]> => {
    const { items } = JSON.parse(
      await kubectl(border, 'get', 'pods', '-l', `app=${SERVICE}`, '-o', 'json'),
    ) as {
      items: { metadata: { name: string }; status: { conditions?: { type: string; status: string }[] } }[];
    };
    const isReady = ({ status }: (typeof items)[number]) =>
      status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
    return items
      .filter(isReady)
      .map(({ metadata }) => metadata.name)
      .toSorted();
  };
  const url = () => `http://${border.publicIp}/${SERVICE}/`;
  const numbered = [5, 6, 7, 8];

  test('pods that serve are announced by their own nodes, become ready by it, and are reached from outside', async () => {
    const definition = JSON.stringify({ scheme: 'http', port: 8080 });
    await etcd('put', `/definitions/${SERVICE}`, definition);
    const file = JSON.stringify(JSON.stringify(objects));
    await inside(
      border,
      'sh',
      '-c',
      `echo ${file.replaceAll('$', '\\$')} | kubectl --kubeconfig /etc/zonewright/operator.kubeconfig apply -f -`,
    );
    await eventually(async () => String(await numbers()) === String(numbered), 'all are routed');
    await eventually(async () => (await readyPods()).length === REPLICAS, 'their gates are open');
    const announced = Object.keys(await below('/nodes/')).filter((key) => key.includes(`/${SERVICE}/`));
    assert.equal(new Set(announced.map((key) => key.split('/')[0])).size, 2, announced.join());
    const load = startLoad({ url: url(), rate: 100, keepAlive: false });
    await sleep(1_000);
    const { errors, answers } = await load.stop();
    assert.deepEqual(errors, {});
    assert.deepEqual(
      Object.keys(answers).toSorted((a, b) => a.localeCompare(b)),
      numbered.map((number) => `${SERVICE}-${number}`),
    );
  });

  test('a pod that is withdrawn leaves routers in well under a second, and comes back', async (t) => {
    const pod = `${SERVICE}-6`;
    const load = startLoad({ url: url(), rate: 100, keepAlive: true });
    const script = (change: string, isDone: string) => `
      etcd() { ${etcdctl().join(' ')} "$@"; }
      now() { date +%s%3N; }
      revision() { etcd get --prefix /routers/ --print-value-only | sed 's/.*"revision":\\([0-9]*\\).*/\\1/'; }
      change() { etcd get /services/${SERVICE}/scheme -w fields | sed -n 's/^"ModRevision" : //p'; }
      kubectl --kubeconfig /etc/zonewright/operator.kubeconfig annotate pod ${pod} ${change} >/dev/null
      begin=$(now)
      until ${isDone}; do :; done; announced=$(now); wanted=$(change)
      until [ "$(revision)" -ge "$wanted" ]; do :; done; loaded=$(now)
      echo $((announced - begin)) $((loaded - begin))`;
    const key = `etcd get /services/${SERVICE}/hosts/6 --print-value-only | grep -q`;
    const gone = await inside(border, 'sh', '-c', script('zonewright.dev/withdrawn=test', `! ${key} .`));
    await eventually(async () => !(await readyPods()).includes(pod), 'its gate is closed');
    assert.deepEqual(await numbers(), [5, 7, 8]);
    const back = await inside(border, 'sh', '-c', script('zonewright.dev/withdrawn-', `${key} .`));
    await eventually(async () => (await readyPods()).includes(pod), 'its gate is open');
    const { errors } = await load.stop();
    assert.deepEqual(errors, {});
    for (const [what, text] of [
      ['withdrawn', gone],
      ['announced', back],
    ] as const) {
      const [projected = Infinity, loaded = Infinity] = text.trim().split(' ').map(Number);
      t.diagnostic(`${what}: projected after ${projected} ms, loaded after ${loaded} ms`);
      assert.ok(projected < 3_000 && loaded < 6_000, `${what}: ${text}`);
    }
  });

  test('malformed presence is skipped and said, never routed', async () => {
    // Of a node that is none: an agent would take away what it does not know below its own.
    const key = `/nodes/nobody/${SERVICE}/nine`;
    await etcd('put', key, '{"address":"10.0.0.1:1"}');
    try {
      let seen = await json<DiscoveryState>('service', 'routes', ZONE);
      const said = () => seen.problems.find((problem) => problem.key === key);
      await eventually(async () => {
        seen = await json<DiscoveryState>('service', 'routes', ZONE);
        return said() !== undefined;
      }, 'it is said');
      assert.match(said()?.reason ?? '', /number/);
      assert.deepEqual(Object.keys(seen.services[SERVICE]?.hosts ?? {}).map(Number), numbered);
      assert.deepEqual([seen.frozen, Object.keys(seen.routers)], [[], [border.id]]);
      const { stdout } = await good('service', 'routes', ZONE);
      assert.ok(stdout.includes(`${key}: `) && stdout.includes('skipped, never routed'), stdout);
    } finally {
      await etcd('del', key);
    }
  });

  test('agents that are told to stop do so, though a director slot is dialled that nobody has', async () => {
    const agents = [
      ['worker-0', 'zonewright-presence'],
      ['border-0', 'zonewright-border-agent'],
    ] as const;
    for (const [machine, unit] of agents) {
      const systemctl = (...args: string[]) => inside(machines.get(machine)!, 'systemctl', ...args);
      await systemctl('stop', unit);
      assert.equal((await systemctl('show', '-p', 'Result', '--value', unit)).trim(), 'success', unit);
      await systemctl('start', unit);
    }
    await eventually(async () => String(await numbers()) === String(numbered), 'all are routed');
  });

  test('agents and etcd may die: what is announced stays, and what comes after is announced', async () => {
    const load = startLoad({ url: url(), rate: 50, keepAlive: false });
    const kill = (machine: string, unit: string) =>
      inside(machines.get(machine)!, 'systemctl', 'kill', '-s', 'KILL', `${unit}.service`);
    const announcedUid = async (): Promise<string | undefined> => {
      const found = Object.entries(await below('/nodes/')).find(([key]) => key.endsWith(`/${SERVICE}/7`));
      return found && (JSON.parse(found[1]) as { uid: string }).uid;
    };
    const former = await announcedUid();
    await kill('worker-0', 'zonewright-presence');
    await kill('worker-1', 'zonewright-presence');
    await kill('border-0', 'zonewright-border-agent');
    await kill('director-0', 'etcd-discovery');
    await eventually(async () => (await numbers().catch(() => [])).length === REPLICAS, 'etcd answers');
    await kubectl(border, 'delete', 'pod', `${SERVICE}-7`, '--wait=false');
    await eventually(
      async () => ![undefined, former].includes(await announcedUid()),
      'its successor is announced',
    );
    await eventually(async () => String(await numbers()) === String(numbered), 'all are routed');
    const { errors } = await load.stop();
    assert.deepEqual(errors, {});
  });
});

async function eventually(look: () => Promise<boolean>, what: string): Promise<void> {
  const until = Date.now() + 90_000;
  while (!(await look())) {
    if (Date.now() > until) assert.fail(`not within 90 s: ${what}`);
    await sleep(200);
  }
}
