/**
 * Attributes that live in two places: on the instance, and on its interface or in the front's record.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html
 */
import { AwsError, ec2Answer, listOf } from '../call.ts';
import type { Rule } from '../call.ts';
import type { World } from '../world.ts';
import { textOf } from '../xml.ts';
import { requireInstance } from './describe-instances.ts';

export function instanceAttributes(world: World): Rule {
  return {
    name: 'instance-attributes',
    actions: ['ec2:ModifyInstanceAttribute', 'ec2:DescribeInstanceAttribute'],
    async apply(call, next) {
      const { params } = call;
      const record = requireInstance(world, params.get('InstanceId') ?? '');
      if (call.action === 'DescribeInstanceAttribute') return next(call);
      const userData = params.get('UserData.Value');
      if (userData !== null && record.state !== 'stopped') {
        throw new AwsError(
          'IncorrectInstanceState',
          `The instance '${record.id}' is not in the 'stopped' state.`,
        );
      }
      const check = params.get('SourceDestCheck.Value');
      if (check !== null) {
        const NetworkInterfaceId = record.interfaceId;
        await world.emulator.ec2('ModifyNetworkInterfaceAttribute', {
          NetworkInterfaceId,
          'SourceDestCheck.Value': check,
        });
      }
      const groups = listOf(params, 'GroupId');
      if (groups.length > 0) {
        const ids = Object.fromEntries(groups.map((id, i) => [`SecurityGroupId.${i + 1}`, id]));
        const NetworkInterfaceId = record.interfaceId;
        await world.emulator.ec2('ModifyNetworkInterfaceAttribute', { NetworkInterfaceId, ...ids });
        return ec2Answer(call, { return: 'true' });
      }
      const behavior = params.get('InstanceInitiatedShutdownBehavior.Value');
      if (behavior === null) return next(call);
      record.shutdownBehavior = behavior === 'terminate' ? 'terminate' : 'stop';
      params.set('Attribute', 'instanceInitiatedShutdownBehavior');
      params.set('Value', behavior);
      return next(call);
    },
  };
}

/** The raw user data of an instance, decoded. */
export async function userDataOf(world: World, instanceId: string): Promise<Uint8Array | undefined> {
  const found = await world.emulator.ec2('DescribeInstanceAttribute', {
    InstanceId: instanceId,
    Attribute: 'userData',
  });
  const text = textOf(found, 'userData', 'value');
  return text === undefined ? undefined : Buffer.from(text, 'base64');
}
