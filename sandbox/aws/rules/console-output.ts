/**
 * What the machine wrote to its console.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
 */
import { ec2Answer } from '../call.ts';
import type { Rule } from '../call.ts';
import type { World } from '../world.ts';
import { requireInstance } from './describe-instances.ts';

export function consoleOutput(world: World): Rule {
  return {
    name: 'console-output',
    actions: ['ec2:GetConsoleOutput'],
    async apply(call) {
      const record = requireInstance(world, call.params.get('InstanceId') ?? '');
      const text = await world.instances.console(record);
      const output = Buffer.from(text).toString('base64');
      return ec2Answer(call, { instanceId: record.id, timestamp: new Date().toISOString(), output });
    },
  };
}
