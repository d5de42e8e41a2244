import { memberName, type MachineConfigInput } from '../machine-config.ts';
import { zoneQueue } from '../operations.ts';
import { apiEndpoint, machinesOf, type MachinePlan, type ZoneLayout } from './layout.ts';
import { companionsOf } from './versions.ts';

/** What a machine is told in its user data: nothing that another step has yet to make, and no secret. */
export function machineConfig(layout: ZoneLayout, machine: MachinePlan): MachineConfigInput {
  const { spec, facts, zone, domain, addresses } = layout;
  const { role, slot, podCidr } = machine;
  const directors = machinesOf(layout, 'director');
  return {
    zone,
    environment: spec.environment.domain,
    domain,
    role,
    slot,
    region: spec.region,
    bucket: facts.bucket,
    storePrefix: facts.storePrefix,
    cluster: {
      podCidr: addresses.podCidr,
      serviceCidr: addresses.serviceCidr,
      ...(podCidr === undefined ? {} : { nodePodCidr: podCidr }),
      apiEndpoint: apiEndpoint(layout),
      etcd: {
        initialCluster: directors
          .map((director) => `${memberName(director.slot)}=https://${director.privateIp}:2380`)
          .join(','),
        token: domain,
        endpoints: etcdEndpoints(layout),
      },
      dnsIp: addresses.dnsServiceIp,
      versions: { kubernetes: spec.kubernetes.version, ...companionsOf(spec.kubernetes.version) },
    },
    ...(role === 'border'
      ? {
          zoneWorker: {
            temporalAddress: facts.temporal.address,
            namespace: facts.temporal.namespace,
            taskQueue: zoneQueue(zone),
          },
        }
      : {}),
  };
}

export const etcdEndpoints = (layout: ZoneLayout): string[] =>
  machinesOf(layout, 'director').map(({ privateIp }) => `https://${privateIp}:2379`);
