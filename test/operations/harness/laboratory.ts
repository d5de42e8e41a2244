/** The sandbox that these tests share, and what they look at it with. Its workers are the tests' own, to be killed. */
import type { Client } from '@temporalio/client';
import { connectTemporal } from '../../../clients/temporal.ts';
import { loadContext, type ZonewrightContext } from '../../../clients/contexts.ts';
import { endProcesses, isAlive } from '../../../sandbox/processes.ts';
import { readState, type SandboxState } from '../../../sandbox/state.ts';
import { up } from '../../../sandbox/up.ts';
import { Front } from './front.ts';

export interface Laboratory {
  readonly state: SandboxState;
  readonly context: ZonewrightContext;
  readonly temporal: Client;
  readonly front: Front;
}

const GRACE_MS = 5_000;

/**
 * The sandbox of `ZONEWRIGHT_SANDBOX_HOME`, brought up where it is not. It stays up for the files after this one;
 * workers that serve it are ended, since an operation must not be finished by somebody whom no test can kill.
 */
export async function openLaboratory(): Promise<Laboratory> {
  process.env['ZONEWRIGHT_CONTEXT'] = 'sandbox';
  const there = readState();
  const state = there?.processes.some(isAlive) ? there : await up({ workers: [] });
  await endProcesses(
    state.processes.filter((one) => one.name === 'workers' && isAlive(one)),
    GRACE_MS,
  );
  const context = loadContext();
  return { state, context, temporal: await connectTemporal(context), front: new Front(state) };
}

export async function closeLaboratory({ temporal, front }: Laboratory): Promise<void> {
  await front.clearFaults();
  await temporal.connection.close();
}
