/** Starts one service as a process of its own session that lives on after its starter, and waits until it answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from './errors.ts';
import { MARK, identityOf, isAlive } from './processes.ts';
import type { Service, ServiceContext } from './services.ts';
import { logFolder, type SandboxProcess } from './state.ts';

const POLL_MS = 100;
const LOG_TAIL_CHARACTERS = 1_500;

export async function launch(service: Service, context: ServiceContext): Promise<SandboxProcess> {
  const { command, args, env = {}, listens = [] } = service.launch(context);
  const log = join(logFolder(context.home), `${service.name}.log`);
  mkdirSync(logFolder(context.home), { recursive: true });
  // What a process said before it died stays beside what its successor says.
  if (existsSync(log)) renameSync(log, `${log}.1`);
  const output = openSync(log, 'a', 0o600);
  try {
    const child = spawn(command, args, {
      cwd: context.home,
      detached: true,
      env: { ...process.env, ...env, [MARK]: context.home },
      stdio: ['ignore', output, output],
    });
    await once(child, 'spawn');
    child.unref();
    const identity = child.pid === undefined ? undefined : identityOf(child.pid);
    if (!identity) throw startFailed(service, log, 'it ended at once');
    return { name: service.name, ...identity, log, listens };
  } catch (error) {
    if (error instanceof SandboxError) throw error;
    throw new SandboxError('start-failed', `Cannot start ${service.name} with "${command}"`, error);
  } finally {
    closeSync(output);
  }
}

/** @throws {SandboxError} `start-failed` with the end of its log, when it ends or stays silent for too long */
export async function waitUntilReady(
  service: Service,
  running: SandboxProcess,
  context: ServiceContext,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + service.readyTimeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    if (!isAlive(running)) throw startFailed(service, running.log, 'it ended');
    if (!service.ready || (await service.ready(context))) return;
    if (performance.now() > deadline) {
      throw startFailed(service, running.log, `it did not answer within ${service.readyTimeoutMs / 1_000} s`);
    }
    await sleep(POLL_MS);
  }
}

function startFailed(service: Service, log: string, what: string): SandboxError {
  const tail = readFileSync(log, 'utf8').trim().slice(-LOG_TAIL_CHARACTERS);
  return new SandboxError(
    'start-failed',
    `Cannot start ${service.name}: ${what}; its log ends with:\n${tail}`,
  );
}
