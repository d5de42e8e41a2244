/**
 * The worker of a zone, on its border: it hosts the activities that dial machines of the zone. It finds everything in
 * `machine.json` and in the certificates that the join put beside it; nothing dials in to it.
 */
import { S3Client } from '@aws-sdk/client-s3';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { readFileSync } from 'node:fs';
import { fenceReader } from '../activities/cloud/fences.ts';
import { createZoneActivities } from '../activities/zone.ts';
import { MACHINE_CONFIG_PATH, machineConfigSchema } from '../domain/machine-config.ts';
import { parse } from '../domain/parse.ts';
import { authorityProfile, type AuthorityId } from '../domain/pki/authorities.ts';
import type { AnyActivities } from './host.ts';

const PKI = '/etc/zonewright/pki';
const pair = (name: string) => ({ certFile: `${PKI}/${name}.crt`, keyFile: `${PKI}/${name}.key` });

const config = parse(
  machineConfigSchema,
  JSON.parse(readFileSync(MACHINE_CONFIG_PATH, 'utf8')),
  MACHINE_CONFIG_PATH,
);
const { cluster, domain } = config;
const caFile = (id: AuthorityId): string => authorityProfile(id, domain).path;
const zoneWorker = mustServe(config);

/** What the border may do with the zone store is read the fence, and write and read backups of its zone. */
const s3 = new S3Client({
  region: config.region,
  maxAttempts: 1,
  forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined,
  requestHandler: { requestTimeout: 60_000, connectionTimeout: 5_000, throwOnRequestTimeout: true },
});
const scratch = {
  folder: process.env['CACHE_DIRECTORY'] ?? '/var/cache/zonewright-worker',
  etcd: '/usr/local/bin/etcd',
  etcdutl: '/usr/local/bin/etcdutl',
};
const access = {
  kubernetes: { server: cluster.apiEndpoint, caFile: caFile('kubernetes'), ...pair('operator') },
  etcd: { endpoints: cluster.etcd.endpoints, caFile: caFile('etcd'), ...pair('etcd-client') },
  discovery: {
    endpoints: cluster.discovery.endpoints,
    caFile: caFile('discovery'),
    ...pair('discovery-operator'),
  },
  backups: { s3, scratch },
};
const settings = { consistencyWindowMs: 0, pollMs: 1_000, readFence: fenceReader(s3, config.bucket) };

function mustServe({ zone, zoneWorker: found }: typeof config): NonNullable<typeof found> {
  if (found !== undefined) return found;
  throw new TypeError(`Cannot serve zone "${zone}": no zoneWorker in ${MACHINE_CONFIG_PATH}`);
}

export interface ZoneWorkerProcess {
  /** Put around every activity before it is registered; tests run each twice. */
  readonly wrap?: (activities: AnyActivities) => AnyActivities;
  /** Settings other than the usual ones; tests notice dead workers sooner. */
  readonly options?: Partial<WorkerOptions>;
}

/** Runs the worker until the process is told to stop. */
export async function runZoneWorker({ wrap, options }: ZoneWorkerProcess = {}): Promise<void> {
  const { temporalAddress: address, namespace, taskQueue } = zoneWorker;
  const connection = await NativeConnection.connect({ address });
  const activities = createZoneActivities(access, settings);
  const worker = await Worker.create({
    ...{ connection, namespace, taskQueue, shutdownGraceTime: '10 seconds' },
    // How far a backup is reaches its followers while it matters.
    maxHeartbeatThrottleInterval: '2 seconds',
    ...options,
    activities: wrap ? wrap(activities) : activities,
  });
  process.stderr.write(`zone worker ready: ${taskQueue}\n`);
  await worker.run();
  await connection.close();
}
