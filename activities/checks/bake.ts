import { Context } from '@temporalio/activity';
import { bootTestResultSchema, type BootTestResult } from '../../domain/bake-result.ts';
import { ZonewrightError } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import type { Clients } from '../cloud/clients.ts';
import { readObject } from '../cloud/objects.ts';
import { asActivity } from '../failures.ts';
import { keepConsole, tailOf } from './instances.ts';

export interface BakeSaid {
  readonly bucket: string;
  /** Key of what the builder, or the machine of the boot test, left before it powered off. */
  readonly key: string;
  /** Whose console is kept when it failed, and where. */
  readonly instanceId: string;
  readonly consoleKey: string;
}

export const bakeChecks = (clients: Pick<Clients, 'ec2' | 's3'>) => ({
  /** What a machine that has powered itself off says of its work. One that says no, or nothing, has failed. */
  'bake.result': asActivity('read the result', async (said: BakeSaid): Promise<BootTestResult> => {
    const { bucket, key, instanceId, consoleKey } = said;
    const signal = Context.current().cancellationSignal;
    const object = await readObject(clients.s3, { bucket, key }, signal);
    const result = object && parse(bootTestResultSchema, JSON.parse(object.text), `result "${key}"`);
    if (result?.ok) return result;
    const kept = await keepConsole(clients, instanceId, { bucket, key: consoleKey }, signal);
    throw new ZonewrightError('MachineFailed', failureText(instanceId, result, kept.tail), {
      details: { instanceId, key, consoleKey },
    });
  }),
});

function failureText(instanceId: string, result: BootTestResult | undefined, consoleTail: string): string {
  if (!result) return `Instance "${instanceId}" powered off without a result:\n${consoleTail}`;
  const failed = (result.checks ?? [])
    .filter(({ ok }) => !ok)
    .map(({ check, problem }) => `${check}: ${problem ?? 'failed'}`);
  const lines = [result.error ?? 'it failed', ...failed, ...(result.lastLines ?? [])];
  return tailOf(`Instance "${instanceId}" failed: ${lines.join('\n')}`, 4_096);
}
