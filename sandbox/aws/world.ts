/** What rules know of the sandbox. */
import type { Machines } from '../machines/model.ts';
import type { Network, SandboxAddresses } from '../network/model.ts';
import type { Emulator } from './emulator.ts';
import type { Identities } from './identity.ts';
import type { ImageStore } from './images.ts';
import type { Instances } from './instances.ts';
import type { Mutex } from './mutex.ts';
import type { NatGateways } from './nat-gateways.ts';
import type { NetworkMirror } from './network-mirror.ts';
import type { Route53 } from './route53/service.ts';
import type { XmlObject } from './xml.ts';

/** How long AWS takes for what the sandbox's own servers do at once. */
export interface Delays {
  readonly natMs: number;
  readonly imageMs: number;
  readonly changeMs: number;
  /** How long RunInstances does not see a new instance profile. */
  readonly iamMs: number;
  /** How long a terminated instance is still described. */
  readonly terminatedMs: number;
  /** How long a machine may take to halt before its power is cut. */
  readonly haltSeconds: number;
}

export const AWS_LIKE_DELAYS: Delays = {
  natMs: 2000,
  imageMs: 1500,
  changeMs: 1000,
  iamMs: 15_000,
  terminatedMs: 10 * 60_000,
  haltSeconds: 30,
};

export interface World {
  readonly region: string;
  readonly accountId: string;
  readonly addresses: SandboxAddresses;
  readonly delays: Delays;
  readonly emulator: Emulator;
  readonly identities: Identities;
  readonly images: ImageStore;
  readonly instances: Instances;
  readonly network: Network;
  readonly machines: Machines;
  readonly mirror: NetworkMirror;
  readonly route53: Route53;
  /** Held while EC2's records change; whoever holds it sees them stand still. */
  readonly ec2Lock: Mutex;
  readonly natGateways: NatGateways;
  /** Reads EC2 as an administrator sees it, rules applied. */
  readonly read: (action: string, params?: Readonly<Record<string, string>>) => Promise<XmlObject>;
}
