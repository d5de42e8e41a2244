/** Real machines: systemd and cloud-init from a source image, in namespaces of a VPC. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { instancesWithCgroups } from '../../sandbox/machines/cgroups.ts';
import { destroySandboxResources } from '../../sandbox/machines/cleanup.ts';
import { diskOf, machinesFolder } from '../../sandbox/machines/disk.ts';
import { MachineError } from '../../sandbox/machines/errors.ts';
import { eventually, managersOf, processesRootedBelow } from '../../sandbox/machines/processes.ts';
import { namespacesOf } from '../../sandbox/network/destroy.ts';
import { consoleShows, inside, openTestSandbox } from './machines-fixture.ts';
import type { TestSandbox } from './machines-fixture.ts';
import { MACHINES_TEST_ADDRESSES, OWNER_TEST_ADDRESSES, model, tcp, everything } from './network-fixture.ts';

const cloudConfig = (...commands: string[]): string =>
  `#cloud-config\nruncmd:\n${commands.map((each) => `  - ${JSON.stringify(['sh', '-c', each])}\n`).join('')}`;
const say = (text: string): string => `echo "${text}" >/dev/console`;
const SERVE = 'systemd-run --unit=web busybox httpd -f -p 80 -h /srv';

describe('machines', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  let sandbox: TestSandbox;
  const network = model({
    securityGroups: [
      {
        id: 'sg-one',
        vpcId: 'vpc-one',
        ingress: [tcp(80, { securityGroupId: 'sg-one' })],
        egress: [everything('0.0.0.0/0')],
      },
    ],
  });

  before(async () => {
    sandbox = await openTestSandbox(MACHINES_TEST_ADDRESSES, network);
    sandbox.userData(
      'i-b',
      cloudConfig('echo from-b >/srv/index.html', SERVE, say('b serves on $(hostname)')),
    );
    sandbox.userData('i-a', cloudConfig(say('a runs')));
    const { machines, spec } = sandbox;
    await Promise.all([machines.boot(spec('a')), machines.boot(spec('b'))]);
    await Promise.all([consoleShows(machines, 'i-a', 'a runs'), consoleShows(machines, 'i-b', 'b serves')]);
  });
  after(async () => {
    const { home } = sandbox;
    await sandbox[Symbol.asyncDispose]();
    assert.deepEqual(
      [managersOf(machinesFolder(home)), processesRootedBelow(machinesFolder(home))],
      [[], []],
    );
    assert.deepEqual(await namespacesOf(MACHINES_TEST_ADDRESSES.index), []);
    assert.deepEqual(
      instancesWithCgroups().filter((id) => /^i-[abc]$/.test(id)),
      [],
    );
    assert.doesNotMatch(await readFile('/proc/self/mounts', 'utf8'), new RegExp(home));
  });

  test('cloud-init runs the user data that the metadata service hands out', async () => {
    assert.match(await sandbox.machines.console('i-b'), /b serves on host-i-b/);
    assert.equal((await inside(sandbox.home, 'i-a', 'hostname')).trim(), 'host-i-a');
    const result = JSON.parse(await inside(sandbox.home, 'i-a', 'cat', '/run/cloud-init/result.json'));
    assert.deepEqual([result.v1.datasource, result.v1.errors], ['DataSourceEc2', []]);
  });

  test('every unit of the source image starts', async () => {
    await inside(sandbox.home, 'i-a', 'systemctl', 'is-system-running', '--wait');
    assert.equal((await inside(sandbox.home, 'i-a', 'systemctl', '--failed', '--no-legend')).trim(), '');
  });

  test('machines of two subnets talk as their groups allow', async () => {
    const get = ['curl', '-s', '--max-time', '1', 'http://172.16.0.70'];
    assert.equal((await inside(sandbox.home, 'i-a', ...get)).trim(), 'from-b');
    await inside(
      sandbox.home,
      'i-b',
      'systemd-run',
      '--unit=other',
      'busybox',
      'httpd',
      '-f',
      '-p',
      '81',
      '-h',
      '/srv',
    );
    await assert.rejects(inside(sandbox.home, 'i-a', ...get.slice(0, 4), 'http://172.16.0.70:81'));
  });

  test('everything on a machine finds the AWS endpoint', async () => {
    const units = await inside(sandbox.home, 'i-a', 'systemctl', 'show-environment');
    assert.match(units, /^AWS_ENDPOINT_URL=http:\/\/198\.18\.255\.1$/m);
    assert.match(await inside(sandbox.home, 'i-a', 'cat', '/etc/environment'), /^AWS_ENDPOINT_URL=/m);
  });

  test('containers’ cgroups can be made, and lie below the machine’s own', async () => {
    const made = '/sys/fs/cgroup/memory/of-a-pod';
    if (!existsSync('/sys/fs/cgroup/memory')) return;
    await inside(sandbox.home, 'i-a', 'mkdir', made);
    assert.ok(existsSync('/sys/fs/cgroup/memory/zonewright-i-a/of-a-pod'));
  });

  test('booting twice changes nothing; a running machine is neither removed nor captured', async () => {
    const { machines, spec, home } = sandbox;
    const before = await machines.console('i-a');
    await machines.boot(spec('a'));
    assert.ok((await machines.console('i-a')).startsWith(before));
    await assert.rejects(machines.remove('i-a'), MachineError);
    await assert.rejects(machines.captureLayer('i-a', join(home, 'layer')), MachineError);
    await assert.rejects(
      machines.boot({ ...spec('c'), layers: ['/nowhere'] }),
      /expected layer "\/nowhere" to exist/,
    );
    assert.deepEqual([...machines.running()].toSorted(), ['i-a', 'i-b']);
  });

  test('a machine that powers itself off becomes the layer another boots from', async () => {
    const { machines, spec, home, exits } = sandbox;
    const fill = 'mkdir -p /var/lib/containerd/content && echo kept >/var/lib/containerd/content/blob';
    const work = 'echo baked >/baked; rm /etc/debian_version; mv /srv /served; ln -s served /srv';
    const clean = 'cloud-init clean --logs --machine-id';
    sandbox.userData('i-c', cloudConfig(fill, work, clean, 'poweroff'));
    await machines.boot(spec('c'));
    assert.ok(await eventually(20_000, () => exits.some(([id]) => id === 'i-c')));
    assert.deepEqual(
      exits.find(([id]) => id === 'i-c'),
      ['i-c', 'poweroff'],
    );
    const layer = join(home, 'images', 'one');
    await machines.captureLayer('i-c', layer);
    await machines.remove('i-c');
    assert.equal(existsSync(diskOf(home, 'i-c').folder), false);

    const check =
      'cat /baked /var/lib/containerd/content/blob; readlink /srv; ls /etc/debian_version || echo gone';
    sandbox.userData('i-c', cloudConfig(`${say('$( (' + check + ') 2>/dev/null | xargs)')}`));
    await machines.boot(spec('c', layer));
    await consoleShows(machines, 'i-c', 'baked kept served gone');
    assert.equal(await readFile(join(layer, 'var/lib/containerd/content/blob'), 'utf8'), 'kept\n');
    await machines.stop('i-c', 10);
    await machines.remove('i-c');
  });

  test('stop halts politely, and the disk stays for the next boot', async () => {
    const { machines, spec, home, exits } = sandbox;
    await inside(home, 'i-a', 'sh', '-c', 'touch /stays; ip link add left0 type bridge');
    await machines.stop('i-a', 20);
    assert.match(await machines.console('i-a'), /Halting system|Power-Off|System Halt/);
    assert.ok(!machines.running().includes('i-a'));
    assert.ok(!exits.some(([id]) => id === 'i-a'), 'who asked for it is not told');
    await machines.boot(spec('a'));
    await inside(home, 'i-a', 'test', '-e', '/stays');
    assert.doesNotMatch(await inside(home, 'i-a', 'ip', 'link'), /left0/, 'what its kernel held is gone');
  });

  test('a reboot from inside boots the same disk again', async () => {
    const { machines, home, exits } = sandbox;
    await consoleShows(machines, 'i-a', 'Multi-User System');
    await inside(home, 'i-a', 'touch', '/rebooted');
    await inside(home, 'i-a', 'systemctl', 'reboot');
    assert.ok(
      await eventually(10_000, () => exits.some(([id, reason]) => id === 'i-a' && reason === 'reboot')),
    );
    assert.ok(await eventually(5000, () => machines.running().includes('i-a')));
    await consoleShows(machines, 'i-a', 'Multi-User System');
    await inside(home, 'i-a', 'test', '-e', '/rebooted');
  });

  test('after a power cut peers hear nothing, and the disk is as it was', async () => {
    const { machines, spec, network: links, home } = sandbox;
    const socket =
      "require('net').connect(80, '172.16.0.70', () => console.log('open')).on('close', () => process.exit())";
    const peer = spawn('nsenter', [
      `--net=${links.machineNamespace('eni-c')}`,
      process.execPath,
      '-e',
      socket,
    ]);
    await once(peer.stdout, 'data');
    await machines.powerCut('i-b');
    assert.deepEqual(processesRootedBelow(diskOf(home, 'i-b').folder), []);
    await sleep(500);
    assert.equal(peer.exitCode, null, 'the connection was not closed');
    peer.kill();
    await machines.boot(spec('b'));
    await inside(home, 'i-b', 'cat', '/srv/index.html');
  });

  test('a machine killed from outside is reported', async () => {
    const { machines, home, exits } = sandbox;
    const [first] = processesRootedBelow(diskOf(home, 'i-b').folder).toSorted((one, other) => one - other);
    assert.ok(first);
    process.kill(first, 'SIGKILL');
    assert.ok(
      await eventually(5000, () => exits.some(([id, reason]) => id === 'i-b' && reason === 'killed')),
    );
    assert.ok(!machines.running().includes('i-b'));
  });

  test('what a killed owner leaves is found and removed', async () => {
    const home = await mkdtemp(join(tmpdir(), 'zonewright-test-'));
    const args = [join(import.meta.dirname, 'machines-owner.ts'), home, sandbox.image];
    const owner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(owner.stdout, 'data');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const folder = machinesFolder(home);
    assert.notDeepEqual(processesRootedBelow(folder), []);
    await destroySandboxResources(home, OWNER_TEST_ADDRESSES.index);
    assert.deepEqual([managersOf(folder), processesRootedBelow(folder)], [[], []]);
    assert.deepEqual(await namespacesOf(OWNER_TEST_ADDRESSES.index), []);
    assert.ok(!instancesWithCgroups().includes('i-owned'));
    assert.deepEqual(await readdir(home), []);
    await rm(home, { recursive: true });
  });
});
