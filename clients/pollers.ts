/** Whether anybody works on what an operation waits for. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';

/** Of Temporal's API: workflow tasks, activity tasks. */
export const TASKS = { workflows: 1, activities: 2 } as const;
/** A poll lasts a minute, and the server notes when it began. */
const RECENT_MS = 75_000;

/** True when a worker has asked the queue for tasks of this kind within the last minute. */
export async function isPolled(client: Client, queue: string, tasks: keyof typeof TASKS): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: TASKS[tasks],
  });
  const recent = Date.now() - RECENT_MS;
  return (pollers ?? []).some(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 > recent);
}

/** Queues that an open operation waits for and that no worker polls: its own, and those of its activities. */
export async function unpolledQueues(
  client: Client,
  { taskQueue, raw }: Pick<WorkflowExecutionDescription, 'taskQueue' | 'raw'>,
): Promise<string[]> {
  const activities = (raw.pendingActivities ?? []).flatMap(({ activityOptions }) => {
    const name = activityOptions?.taskQueue?.name;
    return name ? [name] : [];
  });
  const wanted = [
    { queue: taskQueue, tasks: 'workflows' as const },
    ...[...new Set(activities)].map((queue) => ({ queue, tasks: 'activities' as const })),
  ];
  const polled = await Promise.all(wanted.map(({ queue, tasks }) => isPolled(client, queue, tasks)));
  return [...new Set(wanted.filter((_, at) => !polled[at]).map(({ queue }) => queue))];
}
