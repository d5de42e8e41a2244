/**
 * States of NAT gateways over time, and their addresses: the emulator's are available at once and lie in no subnet.
 * https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
 */
import type { NatState } from './network-records.ts';
import type { XmlValue } from './xml.ts';
import { isObject } from './xml.ts';

export interface NatRecord {
  readonly id: string;
  readonly interfaceId: string;
  readonly privateIp: string;
  /** What the emulator thinks its address is. */
  readonly emulatorIp: string;
  readonly failure?: { readonly code: string; readonly message: string };
  state: 'pending' | 'failed' | 'available' | 'deleting' | 'deleted';
  deletedAt?: number;
}

export class NatGateways {
  readonly #records = new Map<string, NatRecord>();

  add(record: NatRecord): void {
    this.#records.set(record.id, record);
  }

  get(id: string): NatRecord | undefined {
    return this.#records.get(id);
  }

  get all(): readonly NatRecord[] {
    return [...this.#records.values()];
  }

  stateOf(id: string): NatState | undefined {
    return this.#records.get(id);
  }

  /** Puts the addresses that the gateways have in place of those that the emulator made up. */
  correct<T extends XmlValue>(value: T): T {
    const addresses = new Map(this.all.map((record) => [record.emulatorIp, record.privateIp]));
    return addresses.size === 0 ? value : (replaceTexts(value, addresses) as T);
  }
}

function replaceTexts(value: XmlValue, texts: ReadonlyMap<string, string>): XmlValue {
  if (typeof value === 'string') return texts.get(value) ?? value;
  if (Array.isArray(value)) return value.map((each: XmlValue) => replaceTexts(each, texts));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replaceTexts(each, texts)]));
}
