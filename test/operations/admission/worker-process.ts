/** `node worker-process.ts <bundle> <log>`: the product's worker with an activity that shows who is at work. */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../../activities/cloud/clients.ts';
import { checkFence, fenceReader } from '../../../activities/cloud/fences.ts';
import { asActivity } from '../../../activities/failures.ts';
import { loadContext } from '../../../clients/contexts.ts';
import { ZonewrightError } from '../../../domain/errors.ts';
import type { Fence } from '../../../domain/keeper/fence.ts';
import { HOSTS, runWorkers, settings, type AnyActivities } from '../../../workers/host.ts';

const [codePath = '', log = ''] = process.argv.slice(2);
const context = loadContext();
const { s3 } = connect({ ...context.aws, requestTimeoutMs: settings.requestTimeoutMs });
const readFence = fenceReader(s3, context.store.bucket);

interface Acts {
  readonly fence: Fence;
  readonly acts: number;
  readonly everyMs: number;
}

/** After the process stood still its connections are closed: that must not be what ends it. */
async function untilAnswered(look: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (error instanceof ZonewrightError) throw error;
    }
  }
}

/**
 * Like effects: looks at the fence, then acts, whether anybody still waits for it or not. The file tells in which order
 * that was, whoever did it.
 */
const act = asActivity('act', async ({ fence, acts, everyMs }: Acts) => {
  const { signal } = new AbortController();
  for (let n = 0; n < acts; n++) {
    await untilAnswered(() => checkFence(readFence, fence, 'act', signal));
    const { number, operation } = fence;
    appendFileSync(log, `${JSON.stringify({ number, operation, pid: process.pid })}\n`);
    await sleep(everyMs);
  }
});

await runWorkers({
  context,
  hosts: HOSTS,
  wrap: (activities): AnyActivities => ({ ...activities, 'toy.act': act }),
  options: {
    workflowBundle: { codePath },
    maxHeartbeatThrottleInterval: '1 second',
    stickyQueueScheduleToStartTimeout: '2 seconds',
  },
});
