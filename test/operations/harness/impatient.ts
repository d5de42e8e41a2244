/** Interceptor of workflows in tests: that an activity's worker died is noticed sooner than people need it. */
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** Above the pauses of a busy computer; activities beat every three seconds. */
const HEARTBEAT_TIMEOUT = '5 seconds';

export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) =>
        next({ ...input, options: { ...input.options, heartbeatTimeout: HEARTBEAT_TIMEOUT } }),
    },
  ],
});
