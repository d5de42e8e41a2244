/** Keeps the computer's network equal to the emulator's records. */
import type { Network } from '../network/model.ts';
import type { Emulator } from './emulator.ts';
import { modelOf, SOURCES } from './network-records.ts';
import type { NatState, NetworkRecords, PublicIpOf, Source } from './network-records.ts';
import { itemsOf } from './xml.ts';

/** Calls that change EC2's records and never the network. */
const UNRELATED = /Tags$|Image|Snapshot|Volume|KeyPair|LaunchTemplate|^AllocateAddress$|^RebootInstances$/;

const ALL = Object.keys(SOURCES) as Source[];

/** What a call can change; of anything else, everything. Reading less makes calls quicker. */
const CHANGED: ReadonlyArray<readonly [calls: RegExp, changed: readonly Source[]]> = [
  [/SecurityGroup/, ['securityGroupInfo']],
  [/InternetGateway$/, ['internetGatewaySet', 'routeTableSet']],
  [/Route(Table)?(Association)?$/, ['routeTableSet']],
  [/Subnet$/, ['subnetSet', 'routeTableSet']],
  [/Address$/, ['networkInterfaceSet', 'natGatewaySet']],
  [/NetworkInterface/, ['networkInterfaceSet', 'routeTableSet']],
  [/NatGateway$/, ['natGatewaySet', 'networkInterfaceSet', 'routeTableSet']],
  [/Instance(s|Attribute|MetadataOptions)$/, ['reservationSet', 'networkInterfaceSet', 'routeTableSet']],
];

export class NetworkMirror {
  readonly #emulator: Emulator;
  readonly #network: Network;
  readonly #natGateways: (id: string) => NatState | undefined;
  readonly #publicIpOf: PublicIpOf;
  readonly #records: NetworkRecords = {};
  #applied = '';

  constructor(
    emulator: Emulator,
    network: Network,
    natGateways: (id: string) => NatState | undefined,
    publicIpOf: PublicIpOf,
  ) {
    this.#publicIpOf = publicIpOf;
    this.#emulator = emulator;
    this.#network = network;
    this.#natGateways = natGateways;
  }

  /** Follows a call that may have changed the network. */
  async follow(action: string): Promise<void> {
    if (UNRELATED.test(action)) return;
    await this.apply(CHANGED.find(([calls]) => calls.test(action))?.[1]);
  }

  /** Reads what may have changed and has the network follow. */
  async apply(changed: readonly Source[] = ALL): Promise<void> {
    const read = async (source: Source): Promise<void> => {
      this.#records[source] = itemsOf(await this.#emulator.ec2(SOURCES[source]), source);
    };
    await Promise.all(changed.map(read));
    const model = modelOf(this.#records, this.#natGateways, this.#publicIpOf);
    const text = JSON.stringify(model);
    if (text === this.#applied) return;
    this.#applied = '';
    await this.#network.apply(model);
    this.#applied = text;
  }
}
