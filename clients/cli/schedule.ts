/** `zonewright schedule`: operations that begin by themselves. */
import type { Command } from 'commander';
import type { ScheduleDetails, ScheduleSummary } from '../schedules/read-schedules.ts';
import type { ExitCode } from '../errors.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import { reasonOption, withFollowOptions } from './operation-options.ts';
import { duration, table, verb } from './output.ts';
import type { Output } from './output.ts';

const ID = 'as "schedule list" shows it';

export function addScheduleCommands(program: Command): void {
  const schedule = program
    .command('schedule')
    .description('operations that begin by themselves; "etcd backup --every" makes one');
  schedule.command('list').description('all of them').action(verb(list));
  schedule
    .command('show')
    .argument('<id>', ID)
    .description('what it starts, when, and what became of what it started')
    .action(verb(show));
  for (const [name, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    schedule
      .command(name)
      .argument('<id>', ID)
      .addOption(reasonOption())
      .description(paused ? 'start nothing until it is resumed' : 'go on starting operations')
      .action(verb((output, id: string, { reason }: { reason: string }) => hold(output, id, paused, reason)));
  }
  withFollowOptions(schedule.command('trigger').argument('<id>', ID))
    .option('--detach', 'return the id of the operation at once')
    .description('start its operation now, also while it is paused')
    .action(verb(trigger));
  schedule
    .command('rm')
    .argument('<id>', ID)
    .option('--yes', 'do not ask')
    .description('remove it; what it started goes on')
    .action(verb(remove));
}

const when = (iso: string | null | undefined): string => iso?.slice(0, 19) ?? '';

async function list(output: Output): Promise<void> {
  const { listSchedules } = await import('../schedules/read-schedules.ts');
  const schedules = await withTemporal(({ client }) => listSchedules(client));
  const rows = schedules.map(({ id, type, zone, everyMs, paused, next, recent }) => [
    id,
    type,
    zone,
    duration(everyMs),
    paused ? 'paused' : when(next),
    when(recent[0]?.at),
  ]);
  const head = ['id', 'type', 'zone', 'every', 'next (UTC)', 'last (UTC)'];
  output.result({ schedules }, rows.length > 0 ? table(head, rows) : 'No schedule');
}

async function show(output: Output, id: string): Promise<void> {
  const { showSchedule } = await import('../schedules/read-schedules.ts');
  const details = await withTemporal(({ client }) => showSchedule(client, id));
  output.result(details, detailsText(details));
}

function detailsText(details: ScheduleDetails): string {
  const { id, type, zone, everyMs, taken, skipped, missed, recent, running, note } = details;
  const lines = [
    `${id}: ${type} of ${zone}, every ${duration(everyMs)}`,
    stateText(details),
    `started ${taken}; skipped ${skipped} while another was at work; missed ${missed}`,
    ...running.map((operation) => `at work: ${operation}`),
  ];
  if (note !== '') lines.push(`note: ${note}`);
  const rows = recent.map(({ operation, at }) => [operation, when(at)]);
  return rows.length === 0
    ? lines.join('\n')
    : `${lines.join('\n')}\n\n${table(['operation', 'started (UTC)'], rows)}`;
}

const stateText = ({ paused, next }: ScheduleSummary): string =>
  paused ? 'paused' : `next at ${when(next)} UTC`;

async function hold(output: Output, id: string, paused: boolean, reason: string): Promise<void> {
  const { setPaused } = await import('../schedules/control-schedule.ts');
  await withTemporal(({ client }) => setPaused(client, id, paused, reason));
  output.result({ id, paused }, `${id} ${paused ? 'is paused' : 'goes on'}`);
}

interface TriggerOptions {
  readonly detach?: boolean;
  readonly wait?: number;
}

async function trigger(output: Output, id: string, options: TriggerOptions): Promise<ExitCode> {
  const { triggerSchedule } = await import('../schedules/control-schedule.ts');
  const { conclude, follow } = await import('./follow.ts');
  return withTemporal(async ({ client }) => {
    const operation = await triggerSchedule(client, id);
    const outcome = await follow<unknown>(client, client.workflow.getHandle(operation), options);
    return conclude(output, outcome, options, () => `${operation}: done`);
  });
}

async function remove(output: Output, id: string, { yes }: { yes?: boolean }): Promise<void> {
  const { removeSchedule } = await import('../schedules/control-schedule.ts');
  const { showSchedule } = await import('../schedules/read-schedules.ts');
  await withTemporal(async ({ client }) => {
    const { type, zone, everyMs } = await showSchedule(client, id);
    const question = `Remove schedule ${id} (${type} of ${zone}, every ${duration(everyMs)})?`;
    await confirm(output, { question, yes });
    await removeSchedule(client, id);
  });
  output.result({ id, removed: true }, `removed ${id}`);
}
