/** `node toy-worker-process.ts <address> <queue> <bundle>`: a worker of toys that can be killed. */
import { NativeConnection, Worker } from '@temporalio/worker';

const [address = '', taskQueue = '', codePath = ''] = process.argv.slice(2);
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue,
  workflowBundle: { codePath },
  stickyQueueScheduleToStartTimeout: '4 seconds',
});
process.stdout.write('ready\n');
await worker.run();
