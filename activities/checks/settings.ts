import type { EffectSettings } from '../effect.ts';
import type { StoreSettings } from '../store-document.ts';
import type { DnsSettings } from './dns-lookup.ts';

export interface CheckSettings extends EffectSettings, StoreSettings {
  /** A request that takes longer has an unknown outcome, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Which name servers to ask; the computer's own without it. */
  readonly dns?: DnsSettings;
}
