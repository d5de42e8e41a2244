/**
 * A query to a workflow that no worker has in memory makes the SDK apply what has happened since the last workflow
 * task, outside of any task, and keep the state. A signal that comes before the next task is then handled after what it
 * precedes in every replay, and the operation can go on no more (decision 7). The task that finds such a state fails
 * once: the SDK then forgets the state, and the next attempt has it from the history.
 */
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

type Activate = NonNullable<
  NonNullable<ReturnType<WorkflowInterceptorsFactory>['internals']>[number]['activate']
>;
type Activation = Parameters<Activate>[0]['activation'];

/** What the SDK calls a query that came by itself, not with a workflow task. */
const BY_ITSELF = 'legacy_query';
const AHEAD = 'A query had brought this state ahead of its history; replayed in the next task';

export const interceptors: WorkflowInterceptorsFactory = () => {
  let last = { time: '', isReplaying: false, isOutside: false };
  let isAhead = false;
  const activate: Activate = (input, next) => {
    const queries = queriesOf(input.activation);
    isAhead ||= last.isOutside && queries.includes(BY_ITSELF);
    if (queries.length === 0) {
      if (isAhead) throw new Error(AHEAD);
      const time = timeOf(input.activation);
      const isReplaying = input.activation.isReplaying === true;
      // Something new, and yet no new task: nothing but a query asks for that.
      const isOutside = !isReplaying && time === last.time && (last.isReplaying || last.isOutside);
      last = { time, isReplaying, isOutside };
    }
    next(input);
  };
  return { internals: [{ activate }] };
};

/** Ids of queries, which never come together with anything else. */
const queriesOf = ({ jobs }: Activation): readonly string[] =>
  jobs?.flatMap((job) => job.queryWorkflow?.queryId ?? []) ?? [];

/** When the workflow task began that an activation belongs to; tasks never share it. */
const timeOf = ({ timestamp }: Activation): string => `${String(timestamp?.seconds)}.${timestamp?.nanos}`;
