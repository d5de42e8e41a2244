/**
 * Start, stop, reboot, terminate: the answer comes at once, the machine follows.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
 */
import { AwsError, ec2Answer, listOf } from '../call.ts';
import type { Call, Rule } from '../call.ts';
import { stateXml } from '../instance-view.ts';
import type { InstanceRecord, InstanceState } from '../instance-record.ts';
import type { World } from '../world.ts';
import { textOf } from '../xml.ts';
import { requireInstance } from './describe-instances.ts';

interface Transition {
  readonly from: readonly InstanceState[];
  /** States in which there is nothing to do. */
  readonly idle: readonly InstanceState[];
  readonly verb: string;
  readonly act: (world: World, record: InstanceRecord, call: Call) => Promise<void> | void;
}

const TRANSITIONS: Readonly<Record<string, Transition>> = {
  StartInstances: {
    ...{ from: ['stopped'], idle: ['pending', 'running'], verb: 'started' },
    act: async (world, record) => {
      await world.emulator.ec2('StartInstances', { 'InstanceId.1': record.id });
      world.instances.start(record);
    },
  },
  StopInstances: {
    ...{ from: ['pending', 'running'], idle: ['stopping', 'stopped'], verb: 'stopped' },
    act: async (world, record, call) => {
      await world.emulator.ec2('StopInstances', { 'InstanceId.1': record.id });
      world.instances.stop(record, call.params.get('Force') === 'true');
    },
  },
  RebootInstances: {
    ...{ from: ['pending', 'running'], idle: [], verb: 'rebooted' },
    act: (world, record) => world.instances.reboot(record),
  },
  TerminateInstances: {
    ...{
      from: ['pending', 'running', 'stopping', 'stopped'],
      idle: ['shutting-down', 'terminated'],
      verb: 'terminated',
    },
    act: (world, record) => world.instances.terminate(record),
  },
};

export function instanceStates(world: World): Rule {
  return {
    name: 'instance-states',
    actions: Object.keys(TRANSITIONS).map((action) => `ec2:${action}`),
    async apply(call) {
      const transition = TRANSITIONS[call.action]!;
      const records = listOf(call.params, 'InstanceId').map((id) => requireInstance(world, id));
      if (records.length === 0)
        throw new AwsError('MissingParameter', 'The request must contain the parameter InstanceId');
      for (const record of records) await refuse(world, call, transition, record);
      const items = [];
      for (const record of records) {
        const previousState = stateXml(record);
        if (transition.from.includes(record.state)) await transition.act(world, record, call);
        items.push({ instanceId: record.id, currentState: stateXml(record), previousState });
      }
      return ec2Answer(
        call,
        call.action === 'RebootInstances' ? { return: 'true' } : { instancesSet: { item: items } },
      );
    },
  };
}

async function refuse(
  world: World,
  call: Call,
  transition: Transition,
  record: InstanceRecord,
): Promise<void> {
  const { id, state } = record;
  if (!transition.from.includes(state) && !transition.idle.includes(state)) {
    const message = `The instance '${id}' is not in a state from which it can be ${transition.verb}.`;
    throw new AwsError('IncorrectInstanceState', message);
  }
  if (call.action !== 'TerminateInstances' || !transition.from.includes(state)) return;
  const Attribute = 'disableApiTermination';
  const found = await world.emulator.ec2('DescribeInstanceAttribute', { InstanceId: id, Attribute });
  if (textOf(found, Attribute, 'value') !== 'true') return;
  const message = `The instance '${id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`;
  throw new AwsError('OperationNotPermitted', message);
}
