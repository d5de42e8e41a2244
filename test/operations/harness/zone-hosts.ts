import type { Client } from '@temporalio/client';
import { zoneQueue } from '../../../domain/operations.ts';

const ZONES = zoneQueue('');

/** Who ran the activities of zones in these operations, as histories name them; each once. */
export async function zoneHosts(temporal: Client, workflowIds: readonly string[]): Promise<string[]> {
  const histories = await Promise.all(
    workflowIds.map((id) => temporal.workflow.getHandle(id).fetchHistory()),
  );
  const hosts = histories.flatMap(({ events }) => {
    const all = events ?? [];
    const ofZones = all.filter(({ activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled?.taskQueue?.name?.startsWith(ZONES),
    );
    const ids = new Set(ofZones.map(({ eventId }) => String(eventId)));
    return all.flatMap(({ activityTaskStartedEventAttributes: started }) =>
      started && ids.has(String(started.scheduledEventId)) ? [started.identity ?? ''] : [],
    );
  });
  return [...new Set(hosts)];
}
