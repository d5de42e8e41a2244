/**
 * Where a sandbox keeps its state and what is written down about it while it runs.
 * `ZONEWRIGHT_SANDBOX_HOME` moves it; the default is `/var/lib/zonewright/sandbox`.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxAddresses } from './network/model.ts';

export const sandboxHome = (): string =>
  process.env['ZONEWRIGHT_SANDBOX_HOME'] ?? '/var/lib/zonewright/sandbox';

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
  /** `host:port` of what it serves, where it serves anything. */
  readonly listens: readonly string[];
}

/** Contents of `<home>/front.json`: what only the AWS front needs to know. */
export interface FrontSettings {
  readonly motoUrl: string;
  readonly s3Url: string;
  readonly s3RootAccessKey: string;
  readonly s3RootSecretKey: string;
  readonly listen: readonly { readonly host: string; readonly port: number }[];
}

export const statePath = (home: string): string => join(home, 'sandbox.json');
export const frontSettingsPath = (home: string): string => join(home, 'front.json');
export const logFolder = (home: string): string => join(home, 'log');
/** Layers of images outlive `down`; only `reset` removes them. */
export const imagesFolder = (home: string): string => join(home, 'images');

export function readState(home: string = sandboxHome()): SandboxState | undefined {
  try {
    return JSON.parse(readFileSync(statePath(home), 'utf8')) as SandboxState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export const readFrontSettings = (home: string): FrontSettings =>
  JSON.parse(readFileSync(frontSettingsPath(home), 'utf8')) as FrontSettings;

/** Writes a file that holds credentials: readable by its owner only, whole or not at all. */
export function writePrivate(path: string, contents: SandboxState | FrontSettings): void {
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, `${JSON.stringify(contents, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}
