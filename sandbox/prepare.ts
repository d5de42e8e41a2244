/** Chooses what a sandbox is: its addresses, ports, credentials and names. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { addressesOf, choosePorts, reserveIndex } from './addresses.ts';
import { raiseKernelLimits } from './kernel-limits.ts';
import {
  type FrontSettings,
  frontSettingsPath,
  type SandboxState,
  statePath,
  writePrivate,
} from './state.ts';

const REGION = 'us-east-1';
const ACCOUNT = '123456789012';
const LOOPBACK = '127.0.0.1';

/** Writes down all that is chosen, before the first process starts. */
export async function prepare(home: string, basePort?: number): Promise<void> {
  raiseKernelLimits();
  const index = await reserveIndex(home);
  const addresses = addressesOf(index);
  const ports = await choosePorts(['aws', 'temporal', 'temporalUi', 'moto', 's3'], index, basePort);
  for (const folder of ['s3', 's3-versions', 'images']) mkdirSync(join(home, folder), { recursive: true });
  const front: FrontSettings = {
    motoUrl: `http://${LOOPBACK}:${ports.moto}`,
    s3Url: `http://${LOOPBACK}:${ports.s3}`,
    s3RootAccessKey: accessKey(),
    s3RootSecretKey: secretKey(),
    listen: [{ host: addresses.computer, port: ports.aws }],
  };
  const state: SandboxState = {
    id: randomUUID(),
    startedAt: new Date().toISOString(),
    addresses,
    region: REGION,
    accountId: ACCOUNT,
    awsEndpoint: `http://${addresses.computer}:${ports.aws}`,
    temporalAddress: `${LOOPBACK}:${ports.temporal}`,
    temporalUi: `http://${LOOPBACK}:${ports.temporalUi}`,
    namespace: 'dev',
    accessKeyId: accessKey(),
    secretAccessKey: secretKey(),
    bucket: 'zonewright-dev',
    environmentDomain: 'dev.zonewright.test',
    sourceImageName: 'zonewright-source-debian-12',
    processes: [],
  };
  writePrivate(frontSettingsPath(home), front);
  writePrivate(statePath(home), state);
}

/** Of the form that AWS uses: 20 characters, 40 characters. */
const accessKey = (): string => `AKIA${randomBytes(8).toString('hex').toUpperCase()}`;
const secretKey = (): string => randomBytes(30).toString('base64url');
