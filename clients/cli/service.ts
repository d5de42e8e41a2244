/** `zonewright service`: plan, apply and roll services of a zone, and look at them. */
import type { Command } from 'commander';
import type { ServicesGround } from '../../domain/services/ground.ts';
import { instancesText, type RecordedService } from '../../domain/services/record.ts';
import type { ExitCode } from '../errors.ts';
import { table, verb } from './output.ts';
import type { Output } from './output.ts';
import { withServiceOptions, type ServiceOptions } from './service-options.ts';

const ZONE_OPTION = ['--zone <zone>', 'e.g. zone03; the only active zone without it'] as const;

export interface ApplyOptions extends ServiceOptions {
  readonly zone?: string;
  readonly prune?: boolean;
}

export interface RollVerbOptions extends ServiceOptions {
  readonly image?: readonly string[];
  readonly file?: string;
}

export function addServiceCommands(program: Command): void {
  const service = program.command('service').description('services: plan, apply, roll, look');

  service
    .command('plan')
    .argument('<file>', 'e.g. examples/services.yml')
    .option(...ZONE_OPTION)
    .option('--prune', 'also stop services that the file does not name')
    .description('say what "service apply" would do; change nothing')
    .action(
      verb(async (output, file: string, options: ApplyOptions) =>
        (await import('./service-apply.ts')).printServicePlan(output, file, options),
      ),
    );

  withServiceOptions(service.command('apply').argument('<file>', 'e.g. examples/services.yml'))
    .option(...ZONE_OPTION)
    .option('--prune', 'also stop services that the file does not name')
    .description('bring the services of a zone to what a file says, one after the other')
    .action(
      verb(async (output, file: string, options: ApplyOptions) => {
        const { applyServices, printServicePlan } = await import('./service-apply.ts');
        return options.plan === true
          ? printServicePlan(output, file, options)
          : applyServices(output, file, options);
      }),
    );

  withServiceOptions(
    service.command('roll').argument('<zone>', 'e.g. zone03').argument('<service>', 'e.g. web'),
  )
    .option('--image <image...>', 'run this image; <container>=<image> where there are several')
    .option('--file <file>', 'take the service as this file has it')
    .description('replace the instances of a service without a lost request')
    .action(
      verb(async (output, zone: string, name: string, options: RollVerbOptions) =>
        (await import('./service-roll.ts')).rollService(output, zone, name, options),
      ),
    );

  service
    .command('list')
    .option(...ZONE_OPTION)
    .description('services of all active zones, or of one')
    .action(verb(list));

  service
    .command('show')
    .argument('<zone>', 'e.g. zone03')
    .argument('<service>', 'e.g. web')
    .description('what runs of a service, by the record of the last operation')
    .action(verb(show));

  service
    .command('routes')
    .argument('[zone]', 'e.g. zone03; the only active zone without it')
    .description('what is announced and routed this very moment, asked from inside the zone')
    .action(verb(routes));
}

async function routes(output: Output, zone?: string): Promise<ExitCode | void> {
  const { printRoutes } = await import('./service-routes.ts');
  return printRoutes(output, zone);
}

async function list(output: Output, { zone }: { zone?: string }): Promise<void> {
  const { loadContext } = await import('../contexts.ts');
  const { readGround, readGrounds } = await import('../services/ground.ts');
  const context = loadContext();
  const grounds = zone === undefined ? await readGrounds(context) : [await readGround(context, zone)];
  const services = grounds.flatMap((ground) =>
    Object.entries(ground.recorded).map(([name, recorded]) => summary(ground, name, recorded)),
  );
  const rows = services.map((one) => [
    one.zone,
    one.service,
    one.instances,
    one.version,
    one.images.join(', '),
    one.changedAt.slice(0, 19),
  ]);
  const head = ['zone', 'service', 'instances', 'version', 'images', 'changed (UTC)'];
  output.result({ services }, rows.length > 0 ? table(head, rows) : 'No service');
}

const summary = ({ zone }: ServicesGround, service: string, recorded: RecordedService) => ({
  zone,
  service,
  instances: recorded.generations.map((one) => instancesText(service, one)).join(' and '),
  version: recorded.version,
  images: recorded.spec.containers.map(({ image }) => image),
  changedAt: recorded.at,
  operation: recorded.operation,
});

async function show(output: Output, zone: string, service: string): Promise<ExitCode | void> {
  const { loadContext } = await import('../contexts.ts');
  const { mustKnow, readGround } = await import('../services/ground.ts');
  const ground = await readGround(loadContext(), zone);
  const recorded = mustKnow(ground.recorded, service, ground.zone);
  const { definition, generations, operation, at, spec } = recorded;
  const names = [service, ...definition.publicNames].join(', ');
  const lines = [
    `${service} of ${ground.domain}: ${summary(ground, service, recorded).instances}`,
    `reached    ${definition.scheme === 'http' ? `HTTP by name (${names})` : definition.hostPort === undefined ? 'not published' : `TCP port ${definition.hostPort}`}`,
    `changed    ${at} by ${operation}`,
    '',
    table(
      ['generation', 'version', 'instances'],
      generations.map((one) => [String(one.generation), one.version, instancesText(service, one)]),
    ),
    '',
    table(
      ['container', 'image', 'port'],
      spec.containers.map((one) => [one.name, one.image, String(one.port ?? '')]),
    ),
  ];
  output.result({ zone: ground.zone, service, ...recorded }, lines.join('\n'));
}
