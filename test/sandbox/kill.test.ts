/** Two whole sandboxes on one computer, of which one dies with machines running in it. */
import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { reservedIndex } from '../../sandbox/addresses.ts';
import { down } from '../../sandbox/down.ts';
import { findLeftovers } from '../../sandbox/leftovers.ts';
import { machinesFolder } from '../../sandbox/machines/disk.ts';
import { killNow, managersOf, processesRootedBelow } from '../../sandbox/machines/processes.ts';
import { isAlive, markedProcesses } from '../../sandbox/processes.ts';
import { reset } from '../../sandbox/reset.ts';
import { statePath, type SandboxState } from '../../sandbox/state.ts';
import { status } from '../../sandbox/status.ts';
import { runCommand } from '../../sandbox/toolchain/run.ts';
import { up } from '../../sandbox/up.ts';
import { until } from './aws-front.ts';

const FOLDER = '/var/lib/zonewright';
const BOOT_MS = 60_000;
let home: string;
let other: string;
before(() => {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(FOLDER, 'kill-'));
  [home, other] = [join(folder, 'sandbox'), join(folder, 'other')];
});
after(async () => {
  for (const each of [home, other]) await reset({ home: each });
  rmSync(join(home, '..'), { recursive: true });
});

/** Two machines that have booted, and the ids of their instances. */
async function bootMachines(state: SandboxState): Promise<readonly string[]> {
  const { region, awsEndpoint: endpoint, accessKeyId, secretAccessKey } = state;
  const ec2 = new EC2Client({ region, endpoint, credentials: { accessKeyId, secretAccessKey } });
  try {
    const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: '172.16.0.0/23' }));
    const place = { VpcId: Vpc?.VpcId, CidrBlock: '172.16.0.0/26' };
    const { Subnet } = await ec2.send(new CreateSubnetCommand(place));
    const Filters = [{ Name: 'name', Values: [state.sourceImageName] }];
    const { Images } = await ec2.send(new DescribeImagesCommand({ Filters }));
    const counts = { MinCount: 2, MaxCount: 2, InstanceType: 't3.small' as const };
    const { Instances = [] } = await ec2.send(
      new RunInstancesCommand({ ImageId: Images?.[0]?.ImageId, SubnetId: Subnet?.SubnetId, ...counts }),
    );
    const InstanceIds = Instances.map(({ InstanceId = '' }) => InstanceId);
    await until(async () => {
      const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds }));
      return Reservations?.flatMap((each) => each.Instances ?? []).every(
        ({ State }) => State?.Name === 'running',
      );
    }, BOOT_MS);
    return InstanceIds;
  } finally {
    ec2.destroy();
  }
}

/** In the unified hierarchy and in those of version 1. */
const cgroupsOf = (id: string): string[] => globSync(`/sys/fs/cgroup/{,*/}zonewright-${id}`);

/** What containers in a machine would have made. */
function makeContainerCgroups(instances: readonly string[]): void {
  for (const id of instances) {
    for (const folder of cgroupsOf(id)) mkdirSync(join(folder, 'pod/container'), { recursive: true });
  }
}

/** What the kernel shows of the sandbox, asked in other ways than the sandbox itself does. */
async function traces(home: string, { addresses: { index } }: SandboxState, instances: readonly string[]) {
  const lines = async (command: string, ...args: string[]) =>
    (await runCommand(command, args)).split('\n').filter(Boolean);
  const ours = new RegExp(`\\bzw${index}\\b`);
  const commandLines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) =>
      existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : [],
    );
  return {
    namespaces: (await lines('ip', 'netns', 'list')).filter((line) => ours.test(line)).length,
    links: (await lines('ip', '-o', 'link')).filter((line) => ours.test(line)).length,
    routes: (await lines('ip', 'route')).filter((line) => ours.test(line)).length,
    tables: (await lines('nft', 'list', 'tables')).filter((line) => line.endsWith(`zonewright-${index}`))
      .length,
    cgroups: instances.flatMap((id) => cgroupsOf(id)).length,
    mounts: (await lines('cat', '/proc/self/mounts')).filter((line) => line.includes(home)).length,
    loops: (await lines('losetup', '--all')).filter((line) => line.includes(home)).length,
    commands: commandLines.filter((line) => line.includes(home)).length,
    machines: processesRootedBelow(machinesFolder(home)).length,
  };
}

test('down leaves nothing of a sandbox whose processes were all killed with machines running, and another alone', async () => {
  const state = await up({ home });
  const beside = await up({ home: other, workers: [] });
  assert.equal((await status({ home })).state, 'up');
  const instances = await bootMachines(state);
  makeContainerCgroups(instances);
  const folder = machinesFolder(home);
  assert.deepEqual(readdirSync(folder).toSorted(), instances.toSorted());
  const found = await traces(home, state, instances);
  for (const kind of ['namespaces', 'links', 'routes', 'tables', 'commands', 'machines'] as const)
    assert.ok(found[kind] > 0, `a sandbox that is up has ${kind}`);

  // The managers die with the rest, so that the machines have nobody left; what is inside them runs on.
  const processes = markedProcesses(home);
  assert.ok(state.processes.every(({ pid }) => processes.some((each) => each.pid === pid)));
  killNow([...processes.map(({ pid }) => pid), ...managersOf(folder)]);
  await until(() => Promise.resolve(!processes.some(isAlive) && managersOf(folder).length === 0));
  rmSync(statePath(home));
  const { index } = state.addresses;
  const left = await findLeftovers({ home, index, instances });
  for (const kind of ['process', 'network namespace', 'link'])
    assert.ok(
      left.some((line) => line.startsWith(kind)),
      `${kind} is found among ${left.join(', ')}`,
    );

  assert.equal(await down({ home }), true);

  const nothing = Object.fromEntries(Object.keys(found).map((kind) => [kind, 0]));
  assert.deepEqual(await traces(home, state, instances), nothing);
  assert.deepEqual(await findLeftovers({ home, index, instances }), []);
  assert.equal(reservedIndex(home), undefined);
  assert.deepEqual(readdirSync(home), ['images']);
  const { state: is, inventory } = await status({ home: other });
  assert.equal(is, 'up');
  assert.ok(Array.isArray(inventory) && !inventory.some(({ kind }) => kind === 'instance'));
  assert.ok((await traces(other, beside, [])).namespaces > 0, 'its network is there');
});
