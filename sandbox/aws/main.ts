/** The front as a process: network, machines, metadata and DNS of one sandbox. Usage: `node main.ts <home>`. */
import { join } from 'node:path';
import { openDns } from '../dns/open-dns.ts';
import { openMachines } from '../machines/machines.ts';
import { openMetadata } from '../machines/metadata/metadata.ts';
import { obtainSourceImage } from '../machines/source-image.ts';
import { AWS_SERVICE_ADDRESS, TEMPORAL_SERVICE_ADDRESS } from '../network/model.ts';
import { openNetwork } from '../network/network.ts';
import { openRelay } from '../network/relay.ts';
import { readFrontSettings, readState } from '../state.ts';
import { cacheRoot } from '../toolchain/cache.ts';
import { obtain } from '../toolchain/index.ts';
import { openFront } from './open-front.ts';
import type { FrontOptions } from './open-front.ts';

const home = process.argv[2];
if (home === undefined)
  throw new Error('Cannot start the front: expected the folder of a sandbox as argument');

const closers: Array<() => Promise<void>> = [];
/** Last opened, first closed; the rest is closed also when one fails. */
const close = async (): Promise<void> => {
  for (const each of closers.splice(0).reverse())
    await each().catch((error: unknown) => console.error(error));
};
let ending: Promise<void> | undefined;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    ending ??= close().then(() => process.exit(0));
  });
}

try {
  await open(home);
} catch (error) {
  console.error(error);
  await close();
  process.exit(1);
}

async function open(folder: string): Promise<void> {
  const state = readState(folder);
  if (state === undefined)
    throw new Error(`Cannot start the front: expected "${join(folder, 'sandbox.json')}"`);
  const settings = readFrontSettings(folder) as ReturnType<typeof readFrontSettings> & {
    readonly iamDelayMs?: number;
  };
  const { addresses, region, accountId } = state;
  const endpoint = new URL(state.awsEndpoint);
  const [temporalHost = '', temporalPort = ''] = state.temporalAddress.split(':');
  const network = await openNetwork({
    addresses,
    awsEndpoint: { host: endpoint.hostname, port: Number(endpoint.port) },
    temporal: { host: addresses.computer, port: Number(temporalPort) },
  });
  closers.push(() => network.destroy());
  const temporal = { host: temporalHost, port: Number(temporalPort) };
  const relay = await openRelay({ ...temporal, host: addresses.computer }, temporal);
  closers.push(() => relay.close());
  const machines = await openMachines({ home: folder, network });
  closers.push(() => machines.destroy());
  const iamMs = Number(process.env['ZONEWRIGHT_SANDBOX_IAM_DELAY_MS'] ?? settings.iamDelayMs ?? Number.NaN);
  const options: FrontOptions = {
    ...{ home: folder, region, accountId, addresses, network, machines, motoUrl: settings.motoUrl },
    admin: { accessKeyId: state.accessKeyId, secretAccessKey: state.secretAccessKey },
    s3: {
      url: settings.s3Url,
      accessKeyId: settings.s3RootAccessKey,
      secretAccessKey: settings.s3RootSecretKey,
    },
    ...(Number.isNaN(iamMs) ? {} : { delays: { iamMs } }),
  };
  const front = await openFront(options);
  closers.push(() => front.close());
  const metadata = await openMetadata({ network, source: front.metadata });
  closers.push(() => metadata.close());
  const dns = await openDns({
    ...{ home: folder, namespace: network.internetNamespace(), route53: front.route53 },
    ...{ coredns: await obtain('coredns'), unbound: await obtain('unbound') },
    ...{ domains: [state.environmentDomain], resolver: addresses.resolver },
  });
  closers.push(() => dns.close());
  front.onDomain(async (domain) => dns.register(domain));
  const image = await obtainSourceImage({
    ...{ baseRootTar: await obtain('base-root'), cache: cacheRoot() },
    awsEndpoint: `http://${AWS_SERVICE_ADDRESS}`,
    temporal: `${TEMPORAL_SERVICE_ADDRESS}:7233`,
  });
  front.registerSourceImage(state.sourceImageName, image);
  // Whoever waits for the front finds everything there once it answers.
  for (const { host, port } of settings.listen) await front.listen(host, port);
}
