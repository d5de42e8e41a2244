import {
  DescribeInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  type EC2Client,
} from '@aws-sdk/client-ec2';
import { NotYet, ZonewrightError } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { cloudErrorCode, orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import type { Effect } from './effect.ts';

const HALTED = new Set(['stopping', 'stopped']);
const GONE = new Set(['shutting-down', 'terminated']);

/** The plan names the very instance; who let it halt is not written to it. Undone by starting it again. */
export const instanceHaltEffect = ({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<PlanOf<'instance-halt'>, RefOf<'instance-halt'>> => ({
  async describe({ instanceId }, { signal }) {
    const state = await stateOf(ec2, instanceId, signal);
    return HALTED.has(state) ? [{ ref: { id: instanceId }, owned: true, attempt: 0, mismatch: [] }] : [];
  },

  async create({ instanceId }, { signal }) {
    const state = await stateOf(ec2, instanceId, signal);
    if (GONE.has(state))
      throw new ZonewrightError('MachineFailed', `Cannot halt instance "${instanceId}": it is ${state}`);
    await ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] }), { abortSignal: signal });
    return { id: instanceId };
  },

  /** One that is still stopping cannot be started yet; one that is gone has nothing to take back. */
  async remove({ id }, _plan, { signal }) {
    if (!HALTED.has(await stateOf(ec2, id, signal))) return;
    try {
      await unlessGone(ec2.send(new StartInstancesCommand({ InstanceIds: [id] }), { abortSignal: signal }));
    } catch (error) {
      if (cloudErrorCode(error) !== 'IncorrectInstanceState') throw error;
      throw new NotYet(`waiting until instance "${id}" can be started`, 2_000);
    }
  },

  leftovers: 'with its parent',

  async pending({ id }, _plan, { signal }) {
    const state = await stateOf(ec2, id, signal);
    return state === 'stopped' || GONE.has(state) ? undefined : `instance "${id}" is ${state}`;
  },
});

async function stateOf(ec2: EC2Client, instanceId: string, signal: AbortSignal): Promise<string> {
  const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
  const answer = await orAbsent(ec2.send(command, { abortSignal: signal }));
  return answer?.Reservations?.[0]?.Instances?.[0]?.State?.Name ?? 'terminated';
}
