import { Context } from '@temporalio/activity';

/** Well below every activity's heartbeat time-out, so that the death of a worker is noticed soon and a pause is not. */
const INTERVAL_MS = 3_000;

const latest = new WeakMap<Context, unknown>();

/** Says that the activity lives; `details` are what its next attempt finds in `heartbeatDetails`. */
export function beat(details?: unknown): void {
  const context = Context.current();
  if (details !== undefined) latest.set(context, details);
  context.heartbeat(latest.get(context) ?? context.info.heartbeatDetails);
}

/** Beats while `run` is at work, so that a dead worker is noticed and an abort arrives. */
export async function beating<T>(run: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(
    () => context.heartbeat(latest.get(context) ?? context.info.heartbeatDetails),
    INTERVAL_MS,
  );
  try {
    return await run();
  } finally {
    clearInterval(timer);
  }
}
