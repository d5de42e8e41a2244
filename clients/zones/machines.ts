/** Machines of a zone as its manifest lists them and as EC2 sees them. */
import { DescribeInstancesCommand, type Instance } from '@aws-sdk/client-ec2';
import { machineNamed } from '../../domain/zone/join.ts';
import { instanceStep } from '../../domain/zone/machine-steps.ts';
import { machineNames, refsOf } from '../../domain/zone/manifest.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { nodeName } from '../../domain/pki/facts.ts';
import type { AwsClients } from '../aws.ts';
import { ClientError, EXIT } from '../errors.ts';

export interface ZoneMachine {
  /** `worker-2` */
  readonly machine: string;
  readonly role: string;
  /** Absent where a join was stopped before it had one. */
  readonly instanceId?: string;
  /** Host name, and of a worker the name of its Node object. */
  readonly node?: string;
}

export function machinesOf(manifest: ZoneManifest): ZoneMachine[] {
  const refs = refsOf(manifest.made);
  return machineNames(manifest).map((machine) => {
    const role = machineNamed(machine)?.role;
    const instanceId = refs.get(instanceStep(machine))?.id;
    return {
      machine,
      role: role ?? '',
      ...(instanceId === undefined ? {} : { instanceId }),
      ...(instanceId === undefined || role === undefined ? {} : { node: nodeName({ instanceId, role }) }),
    };
  });
}

/**
 * The machine that a person means: by its name, its instance or its node.
 *
 * @throws {ClientError} when the zone has no such machine
 */
export function findMachine(manifest: ZoneManifest, name: string): ZoneMachine {
  const machines = machinesOf(manifest);
  const found = machines.find(({ machine, instanceId, node }) => [machine, instanceId, node].includes(name));
  if (found !== undefined) return found;
  throw new ClientError(EXIT.usage, `Cannot find node "${name}" in zone "${manifest.zone}"`, {
    expectation: `one of ${machines.map(({ machine }) => machine).join(', ')}, or the id of its instance`,
  });
}

export interface MachineState extends ZoneMachine {
  /** As EC2 says it: `running`, `stopped` ...; `gone` when it knows no such instance. */
  readonly state: string;
  readonly instanceType: string;
  readonly privateIp: string;
  readonly launchedAt: string;
}

/** What EC2 says of the machines now. */
export async function machineStates(
  { ec2 }: Pick<AwsClients, 'ec2'>,
  machines: readonly ZoneMachine[],
): Promise<MachineState[]> {
  const ids = machines.flatMap(({ instanceId }) => instanceId ?? []);
  const seen = await instances(ec2, ids);
  return machines.map((machine) => {
    const instance = seen.get(machine.instanceId ?? '');
    return {
      ...machine,
      state: instance?.State?.Name ?? 'gone',
      instanceType: instance?.InstanceType ?? '',
      privateIp: instance?.PrivateIpAddress ?? '',
      launchedAt: instance?.LaunchTime?.toISOString() ?? '',
    };
  });
}

/** By a filter: an id that EC2 has forgotten would fail the whole request. */
async function instances(ec2: AwsClients['ec2'], ids: readonly string[]): Promise<Map<string, Instance>> {
  if (ids.length === 0) return new Map();
  const Filters = [{ Name: 'instance-id', Values: [...ids] }];
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ Filters }));
  const found = Reservations.flatMap(({ Instances = [] }) => Instances);
  return new Map(found.map((instance) => [instance.InstanceId ?? '', instance]));
}
