import { memberName, type MachineConfigInput } from '../machine-config.ts';
import { zoneQueue } from '../operations.ts';
import { directorAddresses } from './addresses.ts';
import { machinesOf, type MachinePlan, type ZoneLayout } from './layout.ts';
import { companionsOf } from './versions.ts';

/** A director's own API server; on other machines, the local proxy to all of them. */
export const LOCAL_API = 'https://127.0.0.1:6443';

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
      directors: directorAddresses(addresses),
      apiEndpoint: LOCAL_API,
      etcd: {
        initialCluster: directors
          .map((director) => `${memberName(director.slot)}=https://${director.privateIp}:2380`)
          .join(','),
        token: domain,
        endpoints: directorAddresses(addresses).map(etcdEndpoint),
      },
      discovery: {
        initialCluster: directors
          .map((director) => `${memberName(director.slot)}=https://${director.privateIp}:2390`)
          .join(','),
        token: `${domain}-discovery`,
        endpoints: directorAddresses(addresses).map((address) => `https://${address}:2389`),
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
  machinesOf(layout, 'director').map(({ privateIp }) => etcdEndpoint(privateIp));

const etcdEndpoint = (address: string): string => `https://${address}:2379`;
