/** A sandbox's network, metadata and machines without its AWS front: tests say what each instance is given. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { destroySandboxResources } from '../../sandbox/machines/cleanup.ts';
import { diskOf } from '../../sandbox/machines/disk.ts';
import { openMachines } from '../../sandbox/machines/machines.ts';
import { openMetadata } from '../../sandbox/machines/metadata/metadata.ts';
import type { ExitReason, InstanceFacts, MachineSpec, Machines } from '../../sandbox/machines/model.ts';
import { initOf } from '../../sandbox/machines/processes.ts';
import { obtainSourceImage } from '../../sandbox/machines/source-image.ts';
import { run } from '../../sandbox/network/commands.ts';
import { AWS_SERVICE_ADDRESS } from '../../sandbox/network/model.ts';
import type {
  InterfaceModel,
  NetworkModel,
  ObservableNetwork,
  SandboxAddresses,
} from '../../sandbox/network/model.ts';
import { openNetwork } from '../../sandbox/network/network.ts';
import { cacheRoot } from '../../sandbox/toolchain/cache.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { settings } from './network-fixture.ts';

export interface TestSandbox extends AsyncDisposable {
  readonly home: string;
  readonly network: ObservableNetwork;
  readonly machines: Machines;
  /** Folder of the source image, or of one that was captured. */
  readonly image: string;
  readonly exits: readonly (readonly [instanceId: string, reason: ExitReason])[];
  /** What `#cloud-config` the instance of an interface boots with. */
  userData(instanceId: string, text: string): void;
  readonly spec: (name: string, ...layers: string[]) => MachineSpec;
}

export async function openTestSandbox(
  addresses: SandboxAddresses,
  model: NetworkModel,
): Promise<TestSandbox> {
  const image = await sourceImage();
  const home = await mkdtemp(join(tmpdir(), 'zonewright-test-'));
  const network = await openNetwork(settings(addresses));
  const userData = new Map<string, string>();
  const source = {
    facts: async (vpcId: string, privateIp: string) => {
      const card = model.interfaces.find((each) => each.vpcId === vpcId && each.privateIp === privateIp);
      return card && factsOf(card, userData.get(card.instanceId));
    },
    credentials: async () => undefined,
  };
  const metadata = await openMetadata({ network, source });
  await network.apply(model);
  const machines = await openMachines({ home, network });
  const exits: (readonly [string, ExitReason])[] = [];
  machines.onExit((instanceId, reason) => exits.push([instanceId, reason]));
  return {
    ...{ home, network, machines, image, exits },
    userData: (instanceId, text) => userData.set(instanceId, text),
    spec: (name, ...layers) => ({
      instanceId: `i-${name}`,
      layers: [...layers, image],
      hostname: `booting-${name}`,
      interfaceId: `eni-${name}`,
    }),
    [Symbol.asyncDispose]: async () => {
      await metadata.close();
      await machines.destroy();
      await destroySandboxResources(home, addresses.index);
      await rm(home, { recursive: true, force: true });
    },
  };
}

export const sourceImage = async (): Promise<string> =>
  obtainSourceImage({
    baseRootTar: await obtain('base-root'),
    cache: cacheRoot(),
    awsEndpoint: `http://${AWS_SERVICE_ADDRESS}`,
  });

function factsOf(card: InterfaceModel, userData: string | undefined): InstanceFacts {
  return {
    instanceId: card.instanceId,
    imageId: 'ami-source',
    instanceType: 't3.small',
    hostname: `host-${card.instanceId}.eu-central-1.compute.internal`,
    privateIp: card.privateIp,
    macAddress: card.macAddress,
    interfaceId: card.id,
    subnetId: card.subnetId,
    subnetCidr: '172.16.0.0/26',
    vpcId: card.vpcId,
    vpcCidr: '172.16.0.0/23',
    availabilityZone: 'eu-central-1a',
    region: 'eu-central-1',
    accountId: '123456789012',
    securityGroupNames: ['one'],
    tags: {},
    tagsInMetadata: false,
    ...(userData === undefined ? {} : { userData: Buffer.from(userData) }),
  };
}

/** Waits until the console shows a text; the console is part of the failure. */
export async function consoleShows(
  machines: Machines,
  instanceId: string,
  text: string,
  seconds = 30,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const shown = await machines.console(instanceId);
    if (shown.includes(text)) return;
    if (Date.now() > end)
      throw new Error(`Expected "${text}" on the console of ${instanceId}, got:\n${shown}`);
    await sleep(50);
  }
}

/** Runs a command inside a running machine, as its root. */
export async function inside(home: string, instanceId: string, ...command: string[]): Promise<string> {
  const { pid } = JSON.parse(await readFile(diskOf(home, instanceId).record, 'utf8')) as { pid: number };
  const init = initOf(pid);
  return run('nsenter', ['-t', String(init), '--mount', '--uts', '--ipc', '--net', '--pid', ...command]);
}
