import { ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { ClientError, EXIT } from '../errors.ts';
import { actor } from '../operations.ts';
import { mustDescribe } from './read-schedules.ts';

/** @throws {ClientError} refused, when it is paused already, or not paused */
export async function setPaused(client: Client, id: string, paused: boolean, reason: string): Promise<void> {
  const { state } = await mustDescribe(client, id);
  if (state.paused === paused) {
    const is = paused ? `paused already${state.note ? `: ${state.note}` : ''}` : 'not paused';
    throw new ClientError(
      EXIT.refused,
      `Cannot ${paused ? 'pause' : 'resume'} schedule "${id}": it is ${is}`,
    );
  }
  const note = `${paused ? 'paused' : 'resumed'} by ${actor()}${reason === '' ? '' : `: ${reason}`}`;
  const handle = client.schedule.getHandle(id);
  await (paused ? handle.pause(note) : handle.unpause(note));
}

const STARTED_MS = 10_000;

/**
 * Starts its operation now, paused or not.
 *
 * @returns the id of the operation
 * @throws {ClientError} refused, naming the one that is at work
 */
export async function triggerSchedule(client: Client, id: string): Promise<string> {
  const { info } = await mustDescribe(client, id);
  const [running] = info.runningActions;
  if (running) {
    throw new ClientError(
      EXIT.refused,
      `Cannot trigger schedule "${id}": its operation "${running.workflow.workflowId}" is at work`,
    );
  }
  await client.schedule.getHandle(id).trigger(ScheduleOverlapPolicy.SKIP);
  const deadline = Date.now() + STARTED_MS;
  while (Date.now() < deadline) {
    const now = await mustDescribe(client, id);
    const latest = now.info.recentActions.at(-1);
    if (latest && now.info.numActionsTaken > info.numActionsTaken) return latest.action.workflow.workflowId;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new ClientError(
    EXIT.failed,
    `Schedule "${id}" was triggered and has started nothing within ${STARTED_MS / 1000} s`,
    { expectation: `an operation; look with "zonewright schedule show ${id}"` },
  );
}

export async function removeSchedule(client: Client, id: string): Promise<void> {
  await mustDescribe(client, id);
  await client.schedule.getHandle(id).delete();
}
