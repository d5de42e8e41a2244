/**
 * The join of a director with the image's own units: real etcd, API server, controller-manager and scheduler, in a
 * network namespace of their own, from the certificates and flags that machines get.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinZone } from '../../agents/join/join.ts';
import { JoinReport } from '../../agents/join/report.ts';
import { ensureKey, signingRequest } from '../../agents/host/key-pairs.ts';
import type { Systemd } from '../../agents/host/systemd.ts';
import { phaseReportSchema } from '../../domain/machine-config.ts';
import { certificateProfiles } from '../../domain/pki/profiles.ts';
import { obtainAll } from '../../sandbox/toolchain/index.ts';
import {
  DOMAIN,
  machineConfig,
  makeAuthorities,
  makeRoot,
  memoryStore,
  nodeFacts,
  requestsIn,
  SERVICE_CIDR,
  signRequests,
  type Authorities,
} from './machine-fixture.ts';
import { readVariables, unitCommand, unitText } from './unit-files.ts';

const PRIVATE_IP = '172.16.0.70';

if (process.env['ZONEWRIGHT_TEST_INSIDE'] === undefined) {
  test('a director joins with real etcd and Kubernetes', { timeout: 300_000 }, () => {
    const inside = `ip link set lo up && ip addr add ${PRIVATE_IP}/32 dev lo && exec "$0" --test "$1"`;
    const { status, stdout } = spawnSync(
      'unshare',
      ['--net', 'sh', '-c', inside, process.execPath, import.meta.filename],
      {
        env: { ...process.env, ZONEWRIGHT_TEST_INSIDE: '1', NODE_TEST_CONTEXT: undefined },
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0, stdout);
    assert.match(stdout, /pass 7/);
  });
} else {
  insideNamespace();
}

function insideNamespace(): void {
  const machine = makeRoot(machineConfig('director', PRIVATE_IP));
  const facts = nodeFacts(PRIVATE_IP);
  const running = new Map<string, ChildProcess>();
  let tools: Readonly<Record<string, string>>;
  let authorities: Authorities;

  const at = (path: string): string => machine.files.at(path);
  const kubectlAs = (kubeconfig: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(
      tools['kubectl'] ?? '',
      ['--kubeconfig', at(kubeconfig), ...args],
      {
        encoding: 'utf8',
      },
    );
    return { status, text: stdout + stderr };
  };

  const store = memoryStore((self, key) => {
    if (!key.startsWith(self.keys.request('').slice(0, -4))) return;
    const signed = signRequests(requestsIn(self), authorities, 'director', facts);
    self.objects.set(self.keys.certificates, JSON.stringify(signed));
  });

  /** The machine's paths, in the temporary root; its programs, where the toolchain has them. */
  const here = (word: string): string => {
    const program = /^\/usr\/local\/bin\/(.+)$/.exec(word)?.[1];
    if (program !== undefined) return tools[program] ?? program;
    const script = /^\/usr\/local\/lib\/zonewright\/([\w-]+)$/.exec(word)?.[1];
    if (script !== undefined) return scriptHere(script);
    return word.replace(
      /^(--[\w-]+=)?(\/(etc|var)\/)/,
      (_, flag = '', path = '') => `${flag}${machine.root}${path}`,
    );
  };

  /** A script of the image, with its paths as they are here. */
  function scriptHere(name: string): string {
    const text = readFileSync(join(import.meta.dirname, '../../examples/images/zone/files', name), 'utf8');
    const path = join(machine.root, name);
    const moved = text
      .replaceAll(/\/usr\/local\/bin\/(\S+)/g, (_, program: string) => here(`/usr/local/bin/${program}`))
      .replaceAll('=/etc/', `=${at('/etc/')}`);
    writeFileSync(path, moved, { mode: 0o755 });
    return path;
  }

  let stopping = false;

  /** Runs a unit's command and, like systemd, runs it again when the unit says so. */
  function startUnit(unit: string): void {
    const variables = readVariables(
      readFileSync(at('/etc/zonewright/node.env'), 'utf8'),
      readFileSync(at('/etc/zonewright/cluster.env'), 'utf8'),
    );
    const [command = '', ...args] = unitCommand(unit, variables).map(here);
    const log = openSync(join(machine.root, `${unit}.log`), 'a');
    const child = spawn(command, args, {
      env: { ...process.env, ...variables },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    running.set(unit, child);
    child.once('exit', () => {
      const again = /^Restart=(.*)$/m.exec(unitText(unit))?.[1];
      if (!stopping && (again === 'always' || child.exitCode !== 0)) setTimeout(() => startUnit(unit), 1000);
    });
  }

  /** Runs what the units run. The unit that binds roles is a shell script of machine paths: its kubectl is run here. */
  let bound = false;
  const systemd: Systemd = {
    async enable() {},
    async start() {
      assert.fail('a first join has changed files, so it restarts');
    },
    async restart(units) {
      for (const unit of units) if (unit !== 'zonewright-bootstrap.service') startUnit(unit);
    },
    async states(units) {
      const bootstrap = join(import.meta.dirname, '../../examples/images/zone/files/bootstrap');
      bound ||= kubectlAs('/etc/kubernetes/bootstrap.kubeconfig', 'apply', '-f', bootstrap).status === 0;
      return units.map((unit) => {
        if (unit === 'zonewright-bootstrap.service') return bound ? 'active' : 'activating';
        const code = running.get(unit)?.exitCode;
        const isOneshot = /^Type=oneshot$/m.test(unitText(unit));
        return code === (isOneshot ? 0 : null) ? 'active' : 'failed';
      });
    },
  };

  before(async () => {
    // Kubeconfigs and certificates name paths of the machine; here they are found below the temporary root.
    const names = [
      'etcd',
      'etcdctl',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'kubectl',
    ] as const;
    tools = await obtainAll(names);
    authorities = await makeAuthorities();
    for (const name of ['etcd', 'etcd-discovery'])
      mkdirSync(join(machine.root, 'var/lib', name), { recursive: true });
  });
  after(async () => {
    // Clients first: the other order hangs.
    stopping = true;
    for (const child of [...running.values()].toReversed()) {
      if (child.exitCode !== null) continue;
      child.kill('SIGTERM');
      await Promise.race([new Promise((resolve) => child.once('exit', resolve)), sleep(10_000)]);
      child.kill('SIGKILL');
    }
    machine.remove();
  });

  test('the director becomes ready, and says so', { timeout: 120_000 }, async () => {
    const files = machine.files;
    // A kubeconfig names absolute paths: point those at the temporary root as they are written.
    const write = files.write.bind(files);
    files.write = (file) =>
      write(
        file.path.endsWith('.kubeconfig')
          ? { ...file, text: file.text.replaceAll('/etc/kubernetes/', at('/etc/kubernetes/')) }
          : file,
      );
    try {
      await joinZone({
        files,
        systemd,
        report: new JoinReport('boot-1'),
        readFacts: async () => facts,
        openStore: async () => store,
        pollMs: 500,
        healthMs: 90_000,
      });
    } catch (error) {
      const log = spawnSync('sh', ['-c', `tail -n 15 ${machine.root}/*.log`], { encoding: 'utf8' }).stdout;
      assert.fail(`${String(error)}\n${log}`);
    }
    const report = phaseReportSchema.parse(JSON.parse(store.objects.get(store.keys.phase) ?? ''));
    assert.equal(report.phase, 'ready');
    assert.match(store.objects.get(store.keys.serviceAccountPublicKey) ?? '', /BEGIN PUBLIC KEY/);
    assert.ok(![...store.objects.values()].some((text) => text.includes('PRIVATE KEY')));
  });

  test('controller-manager and scheduler lead and work', { timeout: 60_000 }, async () => {
    const seen = async (...args: string[]): Promise<string> => {
      for (let left = 40; ; left--) {
        const { status, text } = kubectlAs('/etc/kubernetes/bootstrap.kubeconfig', ...args);
        if ((status === 0 && text !== '') || left === 0) return text;
        await sleep(500);
      }
    };
    const holder = ['-n', 'kube-system', '-o', 'jsonpath={.spec.holderIdentity}'];
    assert.match(await seen('get', 'lease', 'kube-controller-manager', ...holder), /_/);
    assert.match(await seen('get', 'lease', 'kube-scheduler', ...holder), /_/);
    // Made by a controller, signed with the key that the director made.
    assert.match(await seen('get', 'serviceaccount', 'default', '-o', 'name'), /default/);
    assert.match(await seen('create', 'token', 'default'), /^ey/);
    assert.match(await seen('get', 'configmap', 'kube-root-ca.crt', '-o', 'name'), /kube-root-ca/);
  });

  /** A kubeconfig of another machine's certificate. */
  async function kubeconfigOf(role: 'worker' | 'border', id: string): Promise<string> {
    const otherFacts = nodeFacts('172.16.0.90');
    const [profile] = certificateProfiles({
      domain: DOMAIN,
      role,
      slot: 0,
      instanceId: otherFacts.instanceId,
      privateIp: otherFacts.privateIp,
      serviceCidr: SERVICE_CIDR,
    }).filter((each) => each.id === id);
    assert.ok(profile);
    const key = await ensureKey(machine.files, profile.path, profile.owner);
    const { certificates } = signRequests(
      new Map([[id, signingRequest(key, id)]]),
      authorities,
      role,
      otherFacts,
    );
    machine.files.write({ path: `${profile.path}.crt`, text: certificates[id] ?? '' });
    const path = `/etc/kubernetes/${id}.kubeconfig`;
    const text = readFileSync(at('/etc/kubernetes/bootstrap.kubeconfig'), 'utf8')
      .replaceAll(at('/etc/kubernetes/pki/bootstrap-admin'), at(profile.path))
      .replace('https://127.0.0.1:6443', `https://${PRIVATE_IP}:6443`);
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
    return path;
  }

  test('the zone worker’s certificate may do everything, over the director’s address', async () => {
    const operator = await kubeconfigOf('border', 'operator');
    assert.equal(kubectlAs(operator, 'auth', 'can-i', '*', '*').text.trim(), 'yes');
  });

  test('a kubelet’s certificate is held to its own node', async () => {
    const kubelet = await kubeconfigOf('worker', 'kubelet-client');
    const node = (name: string) => JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
    const create = (name: string) => {
      const path = join(machine.root, `${name}.json`);
      writeFileSync(path, node(name));
      return kubectlAs(kubelet, 'create', '-f', path);
    };
    assert.equal(create('i-0123456789abcdef0.worker.zone.local').status, 0);
    assert.match(create('i-0123456789abcdef1.worker.zone.local').text, /is not allowed to modify node/);
    assert.match(kubectlAs(kubelet, 'get', 'secrets', '-A').text, /forbidden/i);
    assert.match(
      kubectlAs(
        kubelet,
        'label',
        'node',
        'i-0123456789abcdef0.worker.zone.local',
        'node-role.kubernetes.io/worker=',
      ).text,
      /not allowed to (modify|set)/,
    );
  });

  test('strangers are turned away by API server and etcd', () => {
    const curl = (...args: string[]) =>
      spawnSync('curl', ['-s', '--max-time', '5', ...args], { encoding: 'utf8' });
    const ca = at('/etc/kubernetes/pki/ca.crt');
    assert.match(curl('--cacert', ca, 'https://127.0.0.1:6443/api/v1/secrets').stdout, /forbidden/i);
    assert.notEqual(
      curl('--cacert', at('/etc/etcd/pki/ca.crt'), `https://${PRIVATE_IP}:2379/version`).status,
      0,
    );
  });

  test('discovery knows users only, and the machine’s own certificate is none', () => {
    for (const state of ['new', 'existing']) {
      const env = { ...process.env, ZW_DISCOVERY_INITIAL_STATE: state };
      const { status, stderr } = spawnSync(scriptHere('enable-discovery-users'), { encoding: 'utf8', env });
      assert.deepEqual([state, status, stderr], [state, 0, '']);
    }
    const pair = at('/etc/zonewright/pki/discovery-server');
    const files = [`--cacert=${at('/etc/zonewright/pki/discovery-ca.crt')}`, `--cert=${pair}.crt`];
    const etcdctl = (...args: string[]) =>
      spawnSync(
        tools['etcdctl'] ?? '',
        [`--endpoints=https://${PRIVATE_IP}:2389`, ...files, `--key=${pair}.key`, ...args],
        { encoding: 'utf8' },
      ).stderr;
    for (const command of [
      ['get', '/x'],
      ['put', '/services/web/scheme', 'http'],
      ['user', 'list'],
      ['auth', 'disable'],
    ])
      assert.match(etcdctl(...command), /permission denied|user name not found/, command.join(' '));
  });

  test('openssl finds every served certificate right', () => {
    const names = [
      [`${PRIVATE_IP}:6443`, '/etc/kubernetes/pki/ca.crt', 'kubernetes.default.svc'],
      [`${PRIVATE_IP}:2379`, '/etc/etcd/pki/ca.crt', 'i-0123456789abcdef0.director.zone.local'],
      [`${PRIVATE_IP}:2389`, '/etc/zonewright/pki/discovery-ca.crt', 'localhost'],
    ] as const;
    for (const [address, ca, name] of names) {
      const { stderr } = spawnSync(
        'openssl',
        ['s_client', '-connect', address, '-CAfile', at(ca), '-verify_hostname', name, '-brief'],
        { input: '', encoding: 'utf8' },
      );
      assert.match(stderr, /Verification: OK/);
      assert.match(stderr, new RegExp(`Verified peername: ${name}`));
    }
  });
}
