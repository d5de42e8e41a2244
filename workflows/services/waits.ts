import type { Instances } from '../../activities/checks/service-instances.ts';
import type { Routed } from '../../activities/checks/service-routing.ts';
import { instancesText } from '../../domain/services/record.ts';
import type { RollOptions } from '../../domain/services/roll.ts';
import type { Operation, WaitOptions } from '../operation.ts';

const DAY_MS = 24 * 3_600_000;

/** Where and how patiently a service is waited for. */
export interface Patience {
  readonly zone: string;
  readonly service: string;
  readonly options: Pick<RollOptions, 'progressSeconds' | 'giveUpSeconds'>;
}

export const waiting = ({ zone, options }: Patience, what: string, extraMs = 0): WaitOptions => ({
  what,
  zone,
  progressMs: options.progressSeconds * 1_000 + extraMs,
  giveUpMs: options.giveUpSeconds * 1_000 + extraMs,
});

/** One part of the work as a person follows it; it shows as failed where its failure was not overcome. */
export async function phase<T>(operation: Operation, step: string, body: () => Promise<T>): Promise<T> {
  operation.account.step(step, { state: 'running' });
  try {
    const result = await body();
    operation.account.step(step, { state: 'done' });
    return result;
  } catch (error) {
    operation.account.step(step, { state: 'failed' });
    throw error;
  }
}

/** Passes the point of no return of one service; what follows for others can be undone again. */
export async function forGood(
  operation: Operation,
  reason: string,
  body: () => Promise<void>,
): Promise<void> {
  await operation.noReturn(reason, body);
  operation.account.noReturn = undefined;
  operation.account.publish();
}

/**
 * Returns once discovery is not frozen. When all presence of a service is lost at once it is discovery that is broken
 * and not the service: routers keep what they have, and a roll changes nothing until somebody is heard again.
 */
export const thawed = (operation: Operation, patience: Patience): Promise<void> =>
  operation.waitFor(
    'service.thawed',
    { service: patience.service },
    {
      ...waiting(patience, `presence of ${patience.service}: while all of it is lost nothing is changed`),
      giveUpMs: DAY_MS,
      summary: `looking whether presence of ${patience.service} is there`,
    },
  );

/** Waits until so many are announced and known to every router; freezes where all presence is lost. */
export async function announced(
  operation: Operation,
  patience: Patience,
  instances: Instances,
  atLeast: number,
): Promise<Routed> {
  const what = `${instancesText(instances.service, instances)} to be announced and known to every router`;
  for (;;) {
    const args = { ...instances, atLeast };
    const seen = await operation.waitFor('service.announced', args, waiting(patience, what));
    if (seen.frozenSince === undefined) return seen;
    await thawed(operation, patience);
  }
}

/** Waits until no router's configuration has them. */
export async function unrouted(
  operation: Operation,
  patience: Patience,
  instances: Instances,
): Promise<Routed> {
  const what = `every router to load a configuration without ${instancesText(instances.service, instances)}`;
  for (;;) {
    const seen = await operation.waitFor('service.unrouted', instances, waiting(patience, what));
    if (seen.frozenSince === undefined) return seen;
    await thawed(operation, patience);
  }
}

/** Waits until no connection needs what was routed before `revision`, or until the time for that is over. */
export async function drained(
  operation: Operation,
  patience: Patience,
  {
    text,
    revision,
    drainSeconds,
  }: { readonly text: string; readonly revision: number; readonly drainSeconds: number },
): Promise<readonly string[]> {
  const until = new Date(Date.now() + drainSeconds * 1_000).toISOString();
  const summary = `draining ${text} until ${until.slice(11, 19)}`;
  const args = { service: patience.service, revision, until };
  const { cut } = await operation.waitFor('service.drained', args, {
    ...waiting(
      patience,
      `connections to ${text} to end, until ${until.slice(11, 19)} at the latest`,
      drainSeconds * 1_000,
    ),
    summary,
  });
  return cut;
}
