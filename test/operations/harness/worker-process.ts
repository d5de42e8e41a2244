/** `node worker-process.ts <variant>`: the product's worker as tests run it. */
import { loadContext } from '../../../clients/contexts.ts';
import { workflowBundle } from '../../../workers/bundle.ts';
import { HOSTS, runWorkers } from '../../../workers/host.ts';
import { isVariant, VARIANTS } from './variants.ts';

const name = process.argv[2] ?? '';
if (!isVariant(name)) throw new TypeError(`Cannot run worker "${name}": expected ${Object.keys(VARIANTS)}`);
const context = loadContext();
await runWorkers({
  context,
  hosts: HOSTS,
  wrap: (activities) => VARIANTS[name](activities, context),
  options: {
    // Each beat is sent, so that one missed is noticed.
    maxHeartbeatThrottleInterval: '1 second',
    workflowBundle: await workflowBundle(['test/operations/harness/impatient.ts']),
    stickyQueueScheduleToStartTimeout: '2 seconds',
  },
});
