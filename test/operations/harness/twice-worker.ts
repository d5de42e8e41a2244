/** A worker that runs every activity twice and insists that both say the same. */
import { isDeepStrictEqual } from 'node:util';
import { ApplicationFailure } from '@temporalio/activity';
import { loadContext } from '../../../clients/contexts.ts';
import { HOSTS, runWorkers } from '../../../workers/host.ts';

type Run = (...args: never[]) => Promise<unknown>;

/** What may differ between two runs: versions of objects written again, moments of time. */
const MAY_DIFFER = new Set(['store.put', 'record.write']);

function twice(name: string, run: Run): Run {
  return async (...args) => {
    const first = await run(...args);
    const second = await run(...args);
    if (!MAY_DIFFER.has(name) && !isDeepStrictEqual(first, second)) {
      throw ApplicationFailure.nonRetryable(
        `"${name}" is not idempotent: ${JSON.stringify(first)}, then ${JSON.stringify(second)}`,
        'GateFailed',
      );
    }
    return second;
  };
}

await runWorkers({
  context: loadContext(),
  hosts: HOSTS,
  wrap: (activities) => Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, twice(name, run)])),
});
