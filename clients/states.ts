/** The states of operations as people see and filter them. */

/** What Temporal calls how a workflow has closed, in a description and in a visibility query, and what we call it. */
const CLOSED = [
  { status: 'COMPLETED', query: 'Completed', state: 'done' },
  { status: 'FAILED', query: 'Failed', state: 'failed' },
  { status: 'CANCELLED', query: 'Canceled', state: 'cancelled' },
  { status: 'TERMINATED', query: 'Terminated', state: 'terminated' },
  { status: 'TIMED_OUT', query: 'TimedOut', state: 'timed out' },
] as const;

export const closedState = (status: string): string =>
  CLOSED.find((one) => one.status === status)?.state ?? status;

/** Of a visibility query, for operations that have ended in this state; undefined for states of open ones. */
export const closedStatus = (state: string): string | undefined =>
  CLOSED.find((one) => one.state === state)?.query;

/** Every state that an operation can be filtered by. */
export const STATES: readonly string[] = [
  'running',
  'waiting',
  'blocked',
  'undoing',
  ...CLOSED.map(({ state }) => state),
];
