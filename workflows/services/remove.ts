import type { Generation } from '../../domain/services/record.ts';
import { instancesText } from '../../domain/services/record.ts';
import type { Operation } from '../operation.ts';
import { drained, phase, thawed, unrouted, waiting, type Patience } from './waits.ts';

/**
 * Takes a service away: unknown to routers, drained, stopped. It goes forward only: begun again, it ends what was begun.
 */
export async function removeService(
  operation: Operation,
  patience: Patience,
  generations: readonly Generation[],
  drainSeconds: number,
): Promise<void> {
  const { zone, service } = patience;
  const text = generations.map((one) => instancesText(service, one)).join(', ');
  await phase(operation, `remove ${service}`, async () => {
    await thawed(operation, patience);
    await operation.check('service.undefine', { service }, `letting routers forget ${service}`, zone);
    let revision = 0;
    for (const one of generations)
      revision = (await unrouted(operation, patience, { service, ...one })).revision;
    await drained(operation, patience, { text, revision, drainSeconds });
    await operation.check('service.stop', { service }, `stopping ${text}`, zone);
    for (const { generation } of generations)
      await operation.waitFor(
        'service.stopped',
        { service, generation },
        waiting(patience, `${text} to end`),
      );
    const stopped = generations.map(({ generation }) => generation);
    await operation.check('service.settle', { service, stopped }, `forgetting ${service}`, zone);
  });
}
