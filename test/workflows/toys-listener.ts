/** What a toy does depends on whether it is told before its first activity ends. */
import {
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';

interface Notes {
  hold(): Promise<void>;
  untold(): Promise<void>;
  told(): Promise<void>;
}

export const toldQuery = defineQuery<boolean>('told');
export const tellSignal = defineSignal('tell');
export const stopSignal = defineSignal('stop');
export const endSignal = defineSignal('end');

export async function ToyListener(): Promise<void> {
  const { hold, told, untold } = proxyActivities<Notes>({
    taskQueue: 'notes',
    startToCloseTimeout: '1 minute',
  });
  let isTold = false;
  let isOver = false;
  setHandler(toldQuery, () => isTold);
  setHandler(tellSignal, () => {
    isTold = true;
  });
  setHandler(endSignal, () => {
    isOver = true;
  });
  const holding = new CancellationScope();
  setHandler(stopSignal, () => holding.cancel());
  await holding.run(hold).catch((error: unknown) => {
    if (!isCancellation(error)) throw error;
  });
  await (isTold ? told() : untold());
  await condition(() => isOver);
}
