/** How the sandbox is: its processes, what it serves where, its machines and how much room it takes. */
import { existsSync } from 'node:fs';
import { fetch } from 'undici';
import { isAlive, residentBytes } from './processes.ts';
import { readState, sandboxHome, type SandboxProcess, type SandboxState } from './state.ts';
import { runCommand } from './toolchain/run.ts';

export interface ProcessStatus extends SandboxProcess {
  readonly alive: boolean;
  readonly residentBytes?: number;
}

/** Without the administrator's credentials, so that it can be printed. */
export type SandboxSummary = Omit<SandboxState, 'accessKeyId' | 'secretAccessKey' | 'processes'>;

export interface SandboxStatus {
  readonly home: string;
  /** `partly` when some of its processes have died. */
  readonly state: 'down' | 'up' | 'partly';
  readonly sandbox?: SandboxSummary;
  readonly processes: readonly ProcessStatus[];
  /** What the AWS front says about its resources; absent while it does not answer. */
  readonly inventory?: unknown;
  readonly diskBytes: number;
}

export async function status({
  home = sandboxHome(),
}: { readonly home?: string } = {}): Promise<SandboxStatus> {
  const state = readState(home);
  const diskBytes = await diskUse(home);
  if (!state) return { home, state: 'down', processes: [], diskBytes };
  const { accessKeyId: _id, secretAccessKey: _secret, processes: recorded, ...sandbox } = state;
  const processes = recorded.map(statusOf);
  const inventory = await askInventory(state);
  const allAlive = processes.every(({ alive }) => alive);
  return {
    home,
    state: allAlive && processes.length > 0 ? 'up' : 'partly',
    sandbox,
    processes,
    diskBytes,
    ...(inventory !== undefined && { inventory }),
  };
}

function statusOf(running: SandboxProcess): ProcessStatus {
  const alive = isAlive(running);
  const bytes = alive ? residentBytes(running.pid) : undefined;
  return { ...running, alive, ...(bytes !== undefined && { residentBytes: bytes }) };
}

async function askInventory({ awsEndpoint }: SandboxState): Promise<unknown> {
  try {
    const response = await fetch(`${awsEndpoint}/_sandbox/inventory`, { signal: AbortSignal.timeout(3_000) });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined; // the front is down, which its process says
  }
}

/** What lies below the home on its own file system; a file may vanish while it is counted. */
async function diskUse(home: string): Promise<number> {
  if (!existsSync(home)) return 0;
  const script = 'du -sx --block-size=1 "$1" 2>/dev/null | cut -f1';
  return Number((await runCommand('sh', ['-c', script, 'sh', home])).trim());
}
