/** What the history of an operation tells of its costs: events, bytes, and how long each activity took. */
import type { Client } from '@temporalio/client';

export interface OperationFigures {
  readonly workflowId: string;
  readonly seconds: number;
  readonly events: number;
  readonly bytes: number;
  readonly activities: readonly ActivityInterval[];
}

/** From being scheduled to its end, retries included; seconds since the workflow began. */
export interface ActivityInterval {
  readonly type: string;
  readonly summary: string;
  readonly from: number;
  readonly to: number;
  readonly attempts: number;
}

type Events = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>;
type Event = Events[number];

/** Of the last run with this id, which must have ended. */
export async function figuresOf(client: Client, workflowId: string): Promise<OperationFigures> {
  const handle = client.workflow.getHandle(workflowId);
  const { events = [] } = (await handle.fetchHistory()) as { events?: Events };
  const description = await handle.describe();
  const began = timeOf(events[0]);
  return {
    workflowId,
    seconds: timeOf(events.at(-1)) - began,
    events: events.length,
    bytes: description.historySize ?? 0,
    activities: intervals(events, began),
  };
}

function intervals(events: Events, began: number): ActivityInterval[] {
  const open = new Map<string, ActivityInterval>();
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const at = timeOf(event) - began;
      const type = scheduled.activityType?.name ?? '';
      open.set(String(event.eventId), { type, summary: summaryOf(event), from: at, to: at, attempts: 0 });
    }
    const started = event.activityTaskStartedEventAttributes;
    if (started) patch(open, started.scheduledEventId, { attempts: started.attempt ?? 1 });
    const ended = event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes;
    if (ended) patch(open, ended.scheduledEventId, { to: timeOf(event) - began });
  }
  return [...open.values()];
}

function patch(open: Map<string, ActivityInterval>, id: unknown, change: Partial<ActivityInterval>): void {
  const known = open.get(String(id));
  if (known) open.set(String(id), { ...known, ...change });
}

function timeOf(event: Event | undefined): number {
  const { seconds, nanos } = event?.eventTime ?? {};
  return Number(seconds ?? 0) + (nanos ?? 0) / 1e9;
}

function summaryOf({ userMetadata }: Event): string {
  const data = userMetadata?.summary?.data;
  return data ? String(JSON.parse(Buffer.from(data).toString('utf8'))) : '';
}

/** Seconds from the first scheduled to the last ended of those that match; nothing where none does. */
export function stage(
  { activities }: OperationFigures,
  matches: (activity: ActivityInterval) => boolean,
): number | undefined {
  const found = activities.filter(matches);
  if (found.length === 0) return undefined;
  return Math.max(...found.map(({ to }) => to)) - Math.min(...found.map(({ from }) => from));
}
