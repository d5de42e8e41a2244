/**
 * The worker of a zone, on its border: it hosts the activities that dial machines of the zone. It finds everything in
 * `machine.json` and in the certificates that the join put beside it; nothing dials in to it.
 */
import { NativeConnection, Worker } from '@temporalio/worker';
import { readFileSync } from 'node:fs';
import { createZoneActivities } from '../activities/zone.ts';
import { MACHINE_CONFIG_PATH, machineConfigSchema } from '../domain/machine-config.ts';
import { parse } from '../domain/parse.ts';
import { authorityProfile, type AuthorityId } from '../domain/pki/authorities.ts';

const PKI = '/etc/zonewright/pki';
const pair = (name: string) => ({ certFile: `${PKI}/${name}.crt`, keyFile: `${PKI}/${name}.key` });

const config = parse(
  machineConfigSchema,
  JSON.parse(readFileSync(MACHINE_CONFIG_PATH, 'utf8')),
  MACHINE_CONFIG_PATH,
);
const { cluster, domain, zoneWorker } = config;
const caFile = (id: AuthorityId): string => authorityProfile(id, domain).path;
if (zoneWorker === undefined)
  throw new TypeError(`Cannot serve zone "${config.zone}": no zoneWorker in ${MACHINE_CONFIG_PATH}`);

const access = {
  kubernetes: { server: cluster.apiEndpoint, caFile: caFile('kubernetes'), ...pair('operator') },
  etcd: { endpoints: cluster.etcd.endpoints, caFile: caFile('etcd'), ...pair('etcd-client') },
};
const settings = { consistencyWindowMs: 0, pollMs: 1_000 };
const connection = await NativeConnection.connect({ address: zoneWorker.temporalAddress });
const worker = await Worker.create({
  connection,
  namespace: zoneWorker.namespace,
  taskQueue: zoneWorker.taskQueue,
  activities: createZoneActivities(access, settings),
  shutdownGraceTime: '10 seconds',
});
process.stderr.write(`zone worker ready: ${zoneWorker.taskQueue}\n`);
await worker.run();
await connection.close();
