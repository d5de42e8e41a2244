import { readFileSync } from 'node:fs';
import { MACHINE_CONFIG_PATH, machineConfigSchema, type MachineConfig } from '../../domain/machine-config.ts';
import { parse } from '../../domain/parse.ts';
import { authorityProfile } from '../../domain/pki/authorities.ts';
import type { DiscoveryAccess } from '../discovery/client.ts';

/** The configuration of the machine that the program runs on. */
export const readMachineConfig = (): MachineConfig =>
  parse(machineConfigSchema, JSON.parse(readFileSync(MACHINE_CONFIG_PATH, 'utf8')), MACHINE_CONFIG_PATH);

/** What the join wrote to the environment of units. @throws {Error} when it is not there */
export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`Cannot start: ${name} is not in the environment`);
  return value;
}

/** The machine's way to the discovery etcd, as the user of one of its certificates: `discovery-node`. */
export const discoveryAccess = ({ cluster, domain }: MachineConfig, pair: string): DiscoveryAccess => ({
  endpoints: cluster.discovery.endpoints,
  caFile: authorityProfile('discovery', domain).path,
  certFile: `/etc/zonewright/pki/${pair}.crt`,
  keyFile: `/etc/zonewright/pki/${pair}.key`,
});

/** Runs an agent until systemd stops its unit, and ends the process. */
export async function untilStopped(run: (signal: AbortSignal) => Promise<unknown>): Promise<never> {
  const stopping = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort());
  await run(stopping.signal);
  // A dial to a member whose machine is gone would hold the process, and a machine that stops, for two minutes.
  process.exit();
}
