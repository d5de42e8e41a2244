import { memberName, type MachineConfig } from '../../domain/machine-config.ts';
import { nodeName } from '../../domain/pki/facts.ts';
import type { MachineFile } from '../host/files.ts';
import type { NodeFacts } from '../host/metadata.ts';

/** Variables of the image's units, from instance metadata. */
export const nodeEnvironment = (config: MachineConfig, facts: NodeFacts): MachineFile =>
  environmentFile('/etc/zonewright/node.env', {
    ZW_INSTANCE_ID: facts.instanceId,
    ZW_INSTANCE_TYPE: facts.instanceType,
    ZW_NODE_NAME: nodeName({ instanceId: facts.instanceId, role: config.role }),
    ZW_PRIVATE_IP: facts.privateIp,
    ZW_AVAILABILITY_ZONE: facts.availabilityZone,
    ZW_REGION: facts.region,
    ZW_PROVIDER_ID: providerId(facts),
  });

/** Variables of the image's units, from the plan. */
export const clusterEnvironment = ({ zone, environment, role, slot, cluster }: MachineConfig): MachineFile =>
  environmentFile('/etc/zonewright/cluster.env', {
    ZW_ZONE: zone,
    ZW_ENVIRONMENT: environment,
    ZW_ROLE: role,
    ZW_SLOT: String(slot),
    ZW_POD_CIDR: cluster.podCidr,
    ZW_SERVICE_CIDR: cluster.serviceCidr,
    ZW_API_ENDPOINT: cluster.apiEndpoint,
    ZW_ETCD_NAME: memberName(slot),
    ZW_ETCD_INITIAL_CLUSTER: cluster.etcd.initialCluster,
    ZW_ETCD_INITIAL_STATE: cluster.etcd.initialState,
    ZW_ETCD_TOKEN: cluster.etcd.token,
    ZW_DISCOVERY_INITIAL_CLUSTER: cluster.discovery.initialCluster,
    ZW_DISCOVERY_INITIAL_STATE: cluster.discovery.initialState,
    ZW_DISCOVERY_TOKEN: cluster.discovery.token,
  });

/** How Kubernetes knows that a Node is this instance, and not one that had its name before. */
export const providerId = ({ availabilityZone, instanceId }: NodeFacts): string =>
  `aws:///${availabilityZone}/${instanceId}`;

function environmentFile(path: string, variables: Readonly<Record<string, string>>): MachineFile {
  const lines = Object.entries(variables).map(([name, value]) => {
    // systemd would read quotes, backslashes and line ends as its own syntax.
    if (!/^[\w.,:/=@+-]*$/.test(value))
      throw new Error(`Cannot write "${name}" to "${path}": value ${JSON.stringify(value)}`);
    return `${name}=${value}\n`;
  });
  return { path, text: lines.join('') };
}
