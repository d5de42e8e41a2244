/** What the tests do inside machines of a zone, as its own root could. */
import {
  EC2Client,
  DescribeInstancesCommand,
  RebootInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadContext } from '../../clients/contexts.ts';
import { diskOf } from '../../sandbox/machines/disk.ts';
import { initOf } from '../../sandbox/machines/processes.ts';
import { run } from '../../sandbox/network/commands.ts';
import { AWS_SERVICE_ADDRESS } from '../../sandbox/network/model.ts';
import { machineName, namespacePath } from '../../sandbox/network/names.ts';
import { sandboxHome } from '../../sandbox/state.ts';
import { sandbox } from './person.ts';

export interface Machine {
  readonly id: string;
  readonly interfaceId: string;
  readonly privateIp: string;
  readonly publicIp: string | undefined;
}

/** Running machines of a zone by their slots: `border-0`, `director-0` ... */
export async function machinesOf(zone: string): Promise<Map<string, Machine>> {
  const Filters = [
    { Name: 'tag:zonewright:zone', Values: [zone] },
    { Name: 'instance-state-name', Values: ['running'] },
  ];
  const { Reservations = [] } = await withEc2((ec2) => ec2.send(new DescribeInstancesCommand({ Filters })));
  const instances = Reservations.flatMap(({ Instances = [] }) => Instances);
  return new Map(
    instances.map(({ InstanceId = '', NetworkInterfaces, PrivateIpAddress = '', PublicIpAddress, Tags }) => {
      const step = Tags?.find(({ Key }) => Key === 'zonewright:step')?.Value ?? '';
      return [
        step.split('/')[1] ?? '',
        {
          id: InstanceId,
          interfaceId: NetworkInterfaces?.[0]?.NetworkInterfaceId ?? '',
          privateIp: PrivateIpAddress,
          publicIp: PublicIpAddress,
        },
      ];
    }),
  );
}

export const reboot = (machines: readonly Machine[]): Promise<unknown> =>
  withEc2((ec2) => ec2.send(new RebootInstancesCommand({ InstanceIds: machines.map(({ id }) => id) })));

/** As if its cable were pulled: nobody is told anything. */
export const powerCut = ({ id }: Machine): Promise<unknown> =>
  withEc2((ec2) => ec2.send(new StopInstancesCommand({ InstanceIds: [id], Force: true })));

async function withEc2<T>(body: (ec2: EC2Client) => Promise<T>): Promise<T> {
  const ec2 = new EC2Client(loadContext('sandbox').aws);
  try {
    return await body(ec2);
  } finally {
    ec2.destroy();
  }
}

/** Runs a command inside a machine, in all its namespaces, and returns what it printed. */
export async function inside({ id }: Machine, ...command: string[]): Promise<string> {
  const { pid } = JSON.parse(readFileSync(diskOf(sandboxHome(), id).record, 'utf8')) as { pid: number };
  const init = initOf(pid);
  if (init === undefined) throw new Error(`Cannot enter ${id}: it does not run`);
  return run('nsenter', ['-t', String(init), '--mount', '--uts', '--ipc', '--net', '--pid', ...command]);
}

/** When the machine's first process began, in clock ticks of the computer. */
export const bornAt = async (machine: Machine): Promise<string> =>
  (await inside(machine, 'cut', '-d', ' ', '-f', '22', '/proc/1/stat')).trim();

/** `kubectl` with the credentials of the zone's worker, on the border: the only way to the API from outside. */
export const kubectl = (border: Machine, ...args: string[]): Promise<string> =>
  inside(border, 'kubectl', '--kubeconfig', '/etc/zonewright/operator.kubeconfig', ...args);

interface Node {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly providerID?: string; readonly taints?: readonly unknown[] };
  readonly status: {
    readonly nodeInfo: { readonly bootID: string; readonly kubeletVersion: string };
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
  };
}

export async function nodes(border: Machine): Promise<readonly Node[]> {
  const { items } = JSON.parse(await kubectl(border, 'get', 'nodes', '-o', 'json')) as { items: Node[] };
  return items;
}

export const isReady = ({ status }: Node): boolean =>
  status.conditions.some((one) => one.type === 'Ready' && one.status === 'True');

export interface Answer {
  readonly name: string;
  /** `ok`, or the name of the error. */
  readonly answer: string;
}

/** Calls AWS from where a machine is, with no credentials but those its metadata hand out. */
export async function askAws(machine: Machine, calls: readonly object[]): Promise<Record<string, string>> {
  const { addresses, region } = sandbox();
  const namespace = namespacePath(machineName(addresses.index, machine.interfaceId));
  const probe = join(import.meta.dirname, 'aws-probe.ts');
  const bare = ['-i', 'PATH=/usr/bin:/bin', 'HOME=/nonexistent', `AWS_REGION=${region}`];
  const endpoint = `AWS_ENDPOINT_URL=http://${AWS_SERVICE_ADDRESS}`;
  const printed = await run('nsenter', [
    `--net=${namespace}`,
    ...['env', ...bare, endpoint, process.execPath, probe, JSON.stringify(calls)],
  ]);
  return JSON.parse(printed) as Record<string, string>;
}
