import {
  DescribeInstancesCommand,
  GetConsoleOutputCommand,
  RebootInstancesCommand,
} from '@aws-sdk/client-ec2';
import { Context } from '@temporalio/activity';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { cloudErrorCode, orAbsent } from '../cloud/cloud-errors.ts';
import type { Clients } from '../cloud/clients.ts';
import { putObject, type ObjectName } from '../cloud/objects.ts';
import type { EffectSettings } from '../effect.ts';
import { asActivity } from '../failures.ts';

export interface InstanceState {
  readonly instanceId: string;
  readonly until: 'running' | 'stopped' | 'terminated';
}

/** Bytes of a console's end that fit into a failure's message. */
const TAIL_BYTES = 2_048;

export const instanceChecks = (
  clients: Pick<Clients, 'ec2' | 's3'>,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
) => ({
  /** Waits until the instance is in a state. One that was terminated meanwhile comes to no other. */
  'instance.state': asActivity('wait for instance', async ({ instanceId, until }: InstanceState) => {
    const abortSignal = Context.current().cancellationSignal;
    const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
    const answer = await orAbsent(clients.ec2.send(command, { abortSignal }));
    const instance = answer?.Reservations?.[0]?.Instances?.[0];
    const state = instance?.State?.Name ?? (until === 'terminated' ? 'terminated' : 'not seen yet');
    const { Code: code = '', Message: reason = '' } = instance?.StateReason ?? {};
    if (state === until) return { state, code, reason };
    if (state === 'terminated' || state === 'shutting-down') {
      throw new ZonewrightError(
        'MachineFailed',
        `Cannot wait until instance "${instanceId}" is ${until}: it is ${state}: ${code} ${reason}`.trim(),
        { details: { instanceId, state, code } },
      );
    }
    throw new NotYet(`waiting until instance "${instanceId}" is ${until}: it is ${state}`, pollMs, { state });
  }),

  /** The state of an instance at this moment; one that EC2 has forgotten is `terminated`. */
  'instance.look': asActivity('look at instance', async ({ instanceId }: { readonly instanceId: string }) => {
    const abortSignal = Context.current().cancellationSignal;
    const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
    const answer = await orAbsent(clients.ec2.send(command, { abortSignal }));
    return { state: answer?.Reservations?.[0]?.Instances?.[0]?.State?.Name ?? 'terminated' };
  }),

  /** Boots a machine again. A repeat boots it once more, which nobody may mind who asks for it. */
  'instance.reboot': asActivity(
    'reboot instance',
    async ({ instanceId }: { readonly instanceId: string }) => {
      const abortSignal = Context.current().cancellationSignal;
      await clients.ec2.send(new RebootInstancesCommand({ InstanceIds: [instanceId] }), { abortSignal });
    },
  ),

  /** Keeps what an instance printed, since EC2 forgets it soon after the instance is gone. */
  'instance.console': asActivity(
    'keep console output',
    ({ instanceId, store }: { readonly instanceId: string; readonly store: ObjectName }) =>
      keepConsole(clients, instanceId, store, Context.current().cancellationSignal),
  ),
});

/** Writes an instance's console output to the store; answers its key and its end. */
export async function keepConsole(
  { ec2, s3 }: Pick<Clients, 'ec2' | 's3'>,
  instanceId: string,
  store: ObjectName,
  signal: AbortSignal,
): Promise<{ key: string; tail: string }> {
  const ask = (Latest: boolean) =>
    ec2.send(new GetConsoleOutputCommand({ InstanceId: instanceId, ...(Latest ? { Latest } : {}) }), {
      abortSignal: signal,
    });
  const answer = await orAbsent(
    // Only newer instance types can show what was printed a moment ago.
    ask(true).catch((error: unknown) => {
      if (cloudErrorCode(error) !== 'UnsupportedOperation') throw error;
      return ask(false);
    }),
  );
  const text = Buffer.from(answer?.Output ?? '', 'base64').toString('utf8');
  await putObject(s3, store, text, undefined, { signal, contentType: 'text/plain; charset=utf-8' });
  return { key: store.key, tail: tailOf(text) };
}

/** The last whole lines of a text. */
export function tailOf(text: string, bytes = TAIL_BYTES): string {
  const end = Buffer.from(text.trimEnd());
  if (end.length <= bytes) return end.toString('utf8');
  const cut = end.subarray(end.length - bytes).toString('utf8');
  return cut.slice(cut.indexOf('\n') + 1);
}
