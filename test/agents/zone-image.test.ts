/** The example recipe of the zone image agrees with what the join starts, writes and expects of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { unitsOf } from '../../agents/join/units.ts';
import { configFiles } from '../../agents/configs/index.ts';
import { machineConfigSchema } from '../../domain/machine-config.ts';
import { authorityProfiles, SERVICE_ACCOUNT_KEY } from '../../domain/pki/authorities.ts';
import { ROLES, type MachineRole } from '../../domain/pki/facts.ts';
import { certificateProfiles } from '../../domain/pki/profiles.ts';
import { parseRecipe } from '../../domain/recipe.ts';
import { TOOLS } from '../../sandbox/toolchain/index.ts';
import { machineConfig, nodeFacts } from './machine-fixture.ts';
import { readVariables, unitCommand, unitText } from './unit-files.ts';

const FOLDER = join(import.meta.dirname, '../../examples/images/zone');
const recipe = parseRecipe(readFileSync(join(FOLDER, 'recipe.yaml'), 'utf8'), 'recipe.yaml');
const units = recipe.units.map(({ path }) => basename(path));

const filesOf = (role: MachineRole, read: (path: string) => string | undefined = () => undefined) => {
  const config = machineConfigSchema.parse(machineConfig(role));
  const facts = nodeFacts();
  const profiles = certificateProfiles({
    domain: config.domain,
    role,
    slot: 0,
    instanceId: facts.instanceId,
    privateIp: facts.privateIp,
    serviceCidr: config.cluster.serviceCidr,
  });
  return { files: configFiles({ config, facts, profiles, read }), profiles };
};

test('the recipe has every unit that a role starts, and every unit file is in the recipe', () => {
  for (const role of ROLES) {
    const started = unitsOf(machineConfigSchema.parse(machineConfig(role)));
    assert.deepEqual(
      started.filter((unit) => !units.includes(unit)),
      role === 'worker' ? ['containerd.service'] : [],
    );
  }
  assert.deepEqual(units.toSorted(), readdirSync(join(FOLDER, 'units')).toSorted());
});

test('the recipe asks only for tools that are pinned', () => {
  const tools = recipe.files.flatMap(({ tool }) => (tool === undefined ? [] : [tool]));
  assert.deepEqual(
    tools.filter((tool) => !(tool in TOOLS)),
    ['zonewright-agents'],
  );
});

test('every program that a unit runs is put there by the recipe', () => {
  const targets = recipe.files.map(({ to }) => to);
  for (const unit of units) {
    const programs = unitText(unit).match(/\/usr\/local\/[\w./-]+/g) ?? [];
    for (const program of programs) {
      assert.ok(
        targets.some((to) => program === to || program.startsWith(`${to}/`)),
        `${unit}: ${program}`,
      );
    }
  }
});

test('every file that a role’s units are given is written by its join', () => {
  for (const role of ROLES) {
    const { files, profiles } = filesOf(role);
    const there = new Set([
      ...files.map(({ path }) => path),
      ...profiles.flatMap(({ path }) => [`${path}.crt`, `${path}.key`]),
      ...authorityProfiles('x').map(({ path }) => path),
      ...(role === 'director' ? ['.key', '.pub'].map((ending) => SERVICE_ACCOUNT_KEY.path + ending) : []),
    ]);
    const environment = files.filter(({ path }) => path.endsWith('.env')).map(({ text }) => text);
    for (const unit of unitsOf(machineConfigSchema.parse(machineConfig(role)))) {
      if (unit === 'containerd.service') continue;
      const words = unitCommand(unit, readVariables(...environment));
      const named = words.flatMap(
        (word) => /(\/etc\/(?:kubernetes|etcd|zonewright)\/\S+)$/.exec(word)?.[1] ?? [],
      );
      for (const path of named) assert.ok(there.has(path), `${unit}: ${path}`);
    }
  }
});

test('systemd finds nothing wrong with the units', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-units-'));
  try {
    for (const unit of units) {
      // Programs and users are the image's; here only the syntax is looked at.
      const text = unitText(unit)
        .replaceAll(/^(Exec\w+=)\/usr\/local\/\S+/gm, '$1/bin/true')
        .replaceAll(/^User=.*\n/gm, '');
      writeFileSync(join(folder, unit), text);
    }
    const { stderr, status } = spawnSync(
      'systemd-analyze',
      ['verify', '--man=no', ...units.map((unit) => join(folder, unit))],
      {
        encoding: 'utf8',
      },
    );
    const complaints = stderr.split('\n').filter((line) => line.includes(folder));
    assert.deepEqual([status === null, complaints], [false, []]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('units that must be there again after a failure restart for ever', () => {
  for (const unit of units.filter((each) => each !== 'zonewright-pods.service')) {
    assert.match(unitText(unit), /^Restart=(always|on-failure)$/m, unit);
    assert.match(unitText(unit), /^StartLimitIntervalSec=0$/m, unit);
  }
});

test('settings of the image’s source win over the kubelet’s and containerd’s own, key by key', () => {
  const profile: Record<string, string> = {
    '/etc/zonewright/profile.d/kubelet.yaml':
      'cgroupDriver: cgroupfs\nauthentication: {anonymous: {enabled: true}}\n',
    '/etc/zonewright/profile.d/containerd.toml':
      '[plugins."io.containerd.grpc.v1.cri"]\n  disable_cgroup = true\n',
  };
  const text = (path: string, read?: (path: string) => string | undefined): string =>
    filesOf('worker', read).files.find((file) => file.path === path)?.text ?? '';
  const read = (path: string) => profile[path];
  assert.match(text('/etc/kubernetes/kubelet.yaml'), /cgroupDriver: systemd/);
  assert.match(text('/etc/containerd/config.toml'), /SystemdCgroup = true/);
  const kubelet = text('/etc/kubernetes/kubelet.yaml', read);
  assert.match(kubelet, /cgroupDriver: cgroupfs/);
  assert.match(kubelet, /anonymous:\n\s+enabled: true[\s\S]*webhook:\n\s+enabled: true/);
  const containerd = text('/etc/containerd/config.toml', read);
  assert.match(containerd, /sandbox_image = "zonewright\.dev\/pause:1"\ndisable_cgroup = true/);
  assert.match(containerd, /SystemdCgroup = false/);
});

test('a node registers with the joining taint, its provider id and its place', () => {
  const { files } = filesOf('worker');
  const kubelet = files.find(({ path }) => path.endsWith('kubelet.yaml'))?.text ?? '';
  assert.match(kubelet, /registerWithTaints:\n\s+- key: zonewright\.dev\/joining\n\s+effect: NoSchedule/);
  assert.match(kubelet, /providerID: aws:\/\/\/us-west-2a\/i-0123456789abcdef0/);
  const variables = readVariables(
    ...files.filter(({ path }) => path.endsWith('.env')).map(({ text }) => text),
  );
  const labels = unitCommand('kubelet.service', variables).find((word) => word.startsWith('--node-labels='));
  assert.match(labels ?? '', /topology\.kubernetes\.io\/zone=us-west-2a/);
});

test('workers and borders reach the API by their own proxy; those configured before there were any, as they did', () => {
  for (const role of ['worker', 'border'] as const) {
    const { files } = filesOf(role);
    const proxy = files.find(({ path }) => path === '/etc/zonewright/api-proxy.cfg')?.text ?? '';
    for (const [slot, address] of ['172.16.0.70', '172.16.0.134', '172.16.0.198'].entries())
      assert.match(
        proxy,
        new RegExp(
          `^  server director-${slot} ${address}:6443 check-sni director-${slot}\\.zone\\.local$`,
          'm',
        ),
      );
    const kubeconfigs = files.filter(({ path }) => path.endsWith('.kubeconfig'));
    assert.ok(kubeconfigs.length > 0);
    for (const { text } of kubeconfigs) assert.match(text, /server: https:\/\/127\.0\.0\.1:6443$/m);

    const { directors: _, ...before } = machineConfig(role).cluster;
    const old = machineConfigSchema.parse({
      ...machineConfig(role),
      cluster: { ...before, apiEndpoint: 'https://172.16.0.70:6443' },
    });
    assert.ok(!unitsOf(old).includes('zonewright-api-proxy.service'));
    const profiles = certificateProfiles({
      domain: old.domain,
      role,
      slot: 0,
      instanceId: nodeFacts().instanceId,
      privateIp: '172.16.0.71',
      serviceCidr: old.cluster.serviceCidr,
    });
    const oldFiles = configFiles({ config: old, facts: nodeFacts(), profiles, read: () => undefined });
    assert.ok(!oldFiles.some(({ path }) => path.endsWith('api-proxy.cfg')));
    const config = oldFiles.find(({ path }) => path.endsWith('.kubeconfig'))?.text ?? '';
    assert.match(config, /server: https:\/\/172\.16\.0\.70:6443$/m);
  }
});
