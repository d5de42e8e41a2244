/** `zonewright node`: join machines to a zone, look at them, remove them. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { JoinOptions } from './node-join.ts';
import type { RemoveOptions } from './node-remove.ts';
import { parseDuration, withZoneStartOptions } from './operation-options.ts';
import { table, verb } from './output.ts';
import type { Output } from './output.ts';

export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('nodes of a zone: join, look, remove');

  withZoneStartOptions(node.command('join').argument('<zone>', 'e.g. zone03'))
    .option('--role <role>', 'worker or director', 'worker')
    .option('--pool <number>', "place of the workers' pool in the zone file, from 0", wholeNumber)
    .option('--machine <name>', 'which slot, e.g. worker-2; the lowest free one without it')
    .option('--count <number>', 'how many, one after the other', wholeNumber, 1)
    .option('--plan', 'only say what would be made')
    .option('--yes', 'approve the plan as it is shown')
    .description('join machines to a zone')
    .action(
      verb(async (output, zone: string, options: JoinOptions) =>
        (await import('./node-join.ts')).joinNodes(output, zone, options),
      ),
    );

  node.command('list').argument('<zone>', 'e.g. zone03').description('machines of a zone').action(verb(list));

  withZoneStartOptions(
    node
      .command('remove')
      .argument('<zone>', 'e.g. zone03')
      .argument('<node>', 'its name, its instance or its node, e.g. worker-2'),
  )
    .option('--force', 'delete pods, too, that nobody makes anew elsewhere')
    .option('--last', 'also when it is the last of its role')
    .option('--drain-deadline <duration>', 'ask when pods have not left by then', parseDuration)
    .option('--plan', 'only say what would be removed, and what would block it')
    .option('--yes', 'approve the plan as it is shown')
    .description('drain a node and remove its machine')
    .action(
      verb(async (output, zone: string, name: string, options: RemoveOptions) =>
        (await import('./node-remove.ts')).removeNode(output, zone, name, options),
      ),
    );
}

function wholeNumber(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number.');
}

async function list(output: Output, zone: string): Promise<void> {
  const { findZone } = await import('../zones/find-zone.ts');
  const { machinesOf, machineStates } = await import('../zones/machines.ts');
  const { withAws } = await import('../aws.ts');
  const { loadContext } = await import('../contexts.ts');
  const manifest = await findZone(zone);
  const machines = await withAws(loadContext(), (aws) => machineStates(aws, machinesOf(manifest)));
  const rows = machines.map(({ machine, instanceId = '', state, instanceType, privateIp, launchedAt }) => [
    ...[machine, instanceId, state, instanceType, privateIp, launchedAt.slice(0, 19)],
  ]);
  const head = ['node', 'instance', 'state', 'type', 'address', 'launched (UTC)'];
  output.result({ zone: manifest.zone, machines }, rows.length > 0 ? table(head, rows) : 'No machine');
}
