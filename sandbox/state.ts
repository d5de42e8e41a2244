/**
 * Where a sandbox keeps its state and what is written down about it while it runs.
 * `ZONEWRIGHT_SANDBOX_HOME` moves it; the default is `/var/lib/zonewright/sandbox`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxAddresses } from './network/model.ts';

export const sandboxHome = (): string => process.env['ZONEWRIGHT_SANDBOX_HOME'] ?? '/var/lib/zonewright/sandbox';

/** Contents of `<home>/sandbox.json`, written before the first process starts and removed by `down`. */
export interface SandboxState {
  readonly id: string;
  readonly startedAt: string;
  readonly addresses: SandboxAddresses;
  readonly region: string;
  readonly accountId: string;
  /** Base URL of the AWS front as the computer sees it. */
  readonly awsEndpoint: string;
  readonly temporalAddress: string;
  readonly temporalUi: string;
  readonly namespace: string;
  /** Credentials of an administrator of the sandbox's account; they open nothing else. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Zone store of the sandbox's environment. */
  readonly bucket: string;
  readonly environmentDomain: string;
  /** The AMI that recipes start from. */
  readonly sourceImageName: string;
  /** Long-lived processes: name, pid, start time in clock ticks (tells a reused pid), log file. */
  readonly processes: readonly SandboxProcess[];
}

export interface SandboxProcess {
  readonly name: string;
  readonly pid: number;
  readonly startTicks: string;
  readonly log: string;
}

export function readState(home: string = sandboxHome()): SandboxState | undefined {
  try {
    return JSON.parse(readFileSync(join(home, 'sandbox.json'), 'utf8')) as SandboxState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
