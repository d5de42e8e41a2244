/** Puts the front together. */
import { join } from 'node:path';
import type { Machines, MetadataSource } from '../machines/model.ts';
import type { Network, SandboxAddresses } from '../network/model.ts';
import { Access } from './access.ts';
import { CallLog } from './call-log.ts';
import { control } from './control.ts';
import { Emulator } from './emulator.ts';
import { Faults } from './faults.ts';
import { Identities } from './identity.ts';
import { ImageStore } from './images.ts';
import type { StoredImage } from './images.ts';
import { Instances } from './instances.ts';
import { takeInventory } from './inventory.ts';
import { FrontMetadata } from './metadata-source.ts';
import { Mutex } from './mutex.ts';
import { NatGateways } from './nat-gateways.ts';
import { NetworkMirror } from './network-mirror.ts';
import { Route53 } from './route53/service.ts';
import { rulesOf } from './rules/index.ts';
import { S3Server } from './s3-server.ts';
import { BucketSettings } from './s3-settings.ts';
import { Front } from './server.ts';
import { StaleReads } from './stale-reads.ts';
import { AWS_LIKE_DELAYS } from './world.ts';
import type { Delays, World } from './world.ts';
import { itemsOf, textOf } from './xml.ts';

export interface FrontOptions {
  readonly home: string;
  readonly region: string;
  readonly accountId: string;
  readonly addresses: SandboxAddresses;
  readonly admin: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly motoUrl: string;
  readonly s3: { readonly url: string; readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly network: Network;
  readonly machines: Machines;
  readonly delays?: Partial<Delays>;
}

export interface OpenFront {
  readonly metadata: MetadataSource;
  readonly route53: Route53;
  readonly faults: Faults;
  readonly world: World;
  /** Answers the port. */
  listen(host: string, port: number): Promise<number>;
  registerSourceImage(name: string, folder: string): StoredImage;
  /** Told when a domain is to be delegated by the root name server. */
  onDomain(register: (domain: string) => Promise<void>): void;
  close(): Promise<void>;
}

/** Opens the front on an emulator that it empties first. */
export async function openFront(options: FrontOptions): Promise<OpenFront> {
  const { region, accountId, home, addresses } = options;
  const emulator = new Emulator(options.motoUrl, region, accountId);
  await emulator.reset();
  const identities = new Identities(accountId, options.admin);
  const access = new Access(emulator, region, accountId);
  const faults = new Faults();
  const stale = new StaleReads();
  const log = new CallLog(join(home, 'log', 'aws-calls.jsonl'));
  const server = new S3Server(options.s3.url, options.s3.accessKeyId, options.s3.secretAccessKey, region);
  const settings = new BucketSettings(join(home, 's3-settings.json'));
  const world = makeWorld(options, emulator, identities, (action, params) =>
    front.read('ec2', action, params),
  );
  let register = (_domain: string): Promise<void> => Promise.resolve();
  const controlParts = {
    ...{ log, faults, computer: addresses.computer },
    inventory: () => takeInventory(world, server),
    health: async () => void (await emulator.ec2('DescribeRegions')),
    registerDomain: (domain: string) => register(domain),
  };
  const front: Front = new Front({
    ...{ world, identities, access, faults, stale, log, rules: rulesOf(world) },
    s3: { identities, access, faults, server, settings },
    control: (request, response) => control(controlParts, request, response),
  });
  await removeDefaultVpcs(emulator);
  await world.mirror.apply();
  return {
    ...{ metadata: new FrontMetadata(world), route53: world.route53, faults, world },
    listen: (host, port) => front.listen(host, port),
    registerSourceImage: (name, folder) => world.images.registerSource(name, folder),
    onDomain: (listener) => void (register = listener),
    close: async () => {
      world.instances.close();
      await front.close();
      server.close();
      await emulator.close();
      await log.close();
    },
  };
}

function makeWorld(
  options: FrontOptions,
  emulator: Emulator,
  identities: Identities,
  read: World['read'],
): World {
  const { region, accountId, addresses, network, machines } = options;
  const delays = { ...AWS_LIKE_DELAYS, ...options.delays };
  const images = new ImageStore(join(options.home, 'images'));
  const natGateways = new NatGateways();
  const mirror = new NetworkMirror(
    emulator,
    network,
    (id) => natGateways.stateOf(id),
    (id): string | undefined => instances.get(id)?.publicIp,
  );
  const ec2Lock = new Mutex();
  const { haltSeconds } = delays;
  const instances: Instances = new Instances({ emulator, machines, images, mirror, ec2Lock, haltSeconds });
  const route53 = new Route53(addresses, delays.changeMs);
  return {
    ...{ region, accountId, addresses, delays, emulator, identities, images, instances, network, machines },
    ...{ mirror, route53, ec2Lock, natGateways, read },
  };
}

/** An account of the sandbox begins empty. */
async function removeDefaultVpcs(emulator: Emulator): Promise<void> {
  for (const vpc of itemsOf(await emulator.ec2('DescribeVpcs'), 'vpcSet')) {
    const VpcId = textOf(vpc, 'vpcId') ?? '';
    const inVpc = { 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': VpcId };
    for (const subnet of itemsOf(await emulator.ec2('DescribeSubnets', inVpc), 'subnetSet')) {
      await emulator.ec2('DeleteSubnet', { SubnetId: textOf(subnet, 'subnetId') ?? '' });
    }
    await emulator.ec2('DeleteVpc', { VpcId });
  }
}
