/** The front as a process: network, machines, metadata and DNS of one sandbox. Usage: `node main.ts <home>`. */
import { join } from 'node:path';
import { openDns } from '../dns/open-dns.ts';
import { openMachines } from '../machines/machines.ts';
import type { Machines } from '../machines/model.ts';
import { openMetadata } from '../machines/metadata/metadata.ts';
import { obtainSourceImage } from '../machines/source-image.ts';
import { AWS_SERVICE_ADDRESS, TEMPORAL_SERVICE_ADDRESS } from '../network/model.ts';
import type { Network, ObservableNetwork } from '../network/model.ts';
import { openNetwork } from '../network/network.ts';
import { openRelay } from '../network/relay.ts';
import { readFrontSettings, readState } from '../state.ts';
import type { FrontSettings, SandboxState } from '../state.ts';
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
  const settings = readFrontSettings(folder);
  const network = await openSandboxNetwork(state);
  const machines = await openMachines({ home: folder, network });
  closers.push(() => machines.destroy());
  const front = await openFront(frontOptions(folder, state, settings, network, machines));
  closers.push(() => front.close());
  const metadata = await openMetadata({ network, source: front.metadata });
  closers.push(() => metadata.close());
  const dns = await openDns({
    ...{ home: folder, namespace: network.internetNamespace(), route53: front.route53 },
    ...{ coredns: await obtain('coredns'), unbound: await obtain('unbound') },
    ...{ domains: [state.environmentDomain], resolver: state.addresses.resolver },
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

/** The network, and the relay by which machines reach Temporal on the computer. */
async function openSandboxNetwork(state: SandboxState): Promise<ObservableNetwork> {
  const { addresses } = state;
  const endpoint = new URL(state.awsEndpoint);
  const [host = '', port = ''] = state.temporalAddress.split(':');
  const temporal = { host, port: Number(port) };
  const relayed = { ...temporal, host: addresses.computer };
  const awsEndpoint = { host: endpoint.hostname, port: Number(endpoint.port) };
  const network = await openNetwork({ addresses, awsEndpoint, temporal: relayed });
  closers.push(() => network.destroy());
  const relay = await openRelay(relayed, temporal);
  closers.push(() => relay.close());
  return network;
}

function frontOptions(
  folder: string,
  { region, accountId, addresses, accessKeyId, secretAccessKey }: SandboxState,
  { motoUrl, s3Url, s3RootAccessKey, s3RootSecretKey }: FrontSettings,
  network: Network,
  machines: Machines,
): FrontOptions {
  const iamMs = process.env['ZONEWRIGHT_SANDBOX_IAM_DELAY_MS'];
  return {
    ...{ home: folder, region, accountId, addresses, network, machines, motoUrl },
    admin: { accessKeyId, secretAccessKey },
    s3: { url: s3Url, accessKeyId: s3RootAccessKey, secretAccessKey: s3RootSecretKey },
    ...(iamMs === undefined ? {} : { delays: { iamMs: Number(iamMs) } }),
  };
}
