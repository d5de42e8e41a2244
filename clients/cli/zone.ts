/** `zonewright zone`: plan, create, look at and destroy zones. */
import type { Command } from 'commander';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import type { CreateOptions } from './zone-create.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import { withZoneStartOptions } from './operation-options.ts';
import type { StartOptions } from './operation-options.ts';
import { table, verb } from './output.ts';
import type { Output } from './output.ts';

export function addZoneCommands(program: Command): void {
  const zone = program.command('zone').description('zones: plan, create, look, destroy');

  zone
    .command('plan')
    .argument('<file>', 'a zone file, e.g. examples/zone.yaml')
    .description('say what a zone would be made of; change nothing')
    .action(
      verb(async (output, file: string) => (await import('./zone-create.ts')).printZonePlan(output, file)),
    );

  withZoneStartOptions(zone.command('create').argument('<file>', 'a zone file, e.g. examples/zone.yaml'))
    .option('--plan', 'only say what would be made, as "zone plan" does')
    .option('--yes', 'approve the plan as it is shown')
    .description('create a zone; bakes its image first where there is none')
    .action(
      verb(async (output, file: string, options: CreateOptions & { plan?: boolean }) => {
        const { createZone, printZonePlan } = await import('./zone-create.ts');
        return options.plan === true ? printZonePlan(output, file) : createZone(output, file, options);
      }),
    );

  zone
    .command('list')
    .option('--all', 'also destroyed ones')
    .description('zones of the environment')
    .action(verb(list));

  zone
    .command('show')
    .argument('<zone>', 'e.g. zone03')
    .description('what a zone is made of')
    .action(verb(show));

  withZoneStartOptions(zone.command('destroy').argument('<zone>', 'e.g. zone03'))
    .option('--plan', 'only say what would be removed')
    .option('--yes', 'do not ask')
    .description('destroy a zone and prove that nothing is left')
    .action(verb(destroy));
}

async function list(output: Output, { all }: { all?: boolean }): Promise<void> {
  const { loadContext } = await import('../contexts.ts');
  const { withAws } = await import('../aws.ts');
  const { listManifests } = await import('../zones/manifests.ts');
  const context = loadContext();
  const manifests = await withAws(context, (aws) => listManifests(aws, context.store.bucket));
  const zones = manifests.filter(({ state }) => all === true || state !== 'destroyed').map(summary);
  const rows = zones.map(({ zone, domain, state, imageId, parts, updatedAt }) => [
    zone,
    domain,
    state,
    imageId,
    String(parts),
    updatedAt.slice(0, 19),
  ]);
  const head = ['zone', 'domain', 'state', 'image', 'parts', 'changed (UTC)'];
  output.result({ zones }, rows.length > 0 ? table(head, rows) : 'No zone');
}

const summary = (manifest: ZoneManifest) => {
  const { zone, domain, state, imageId, made, createdAt, updatedAt, operation } = manifest;
  return {
    zone,
    domain,
    state,
    imageId,
    parts: made.length,
    createdAt,
    updatedAt,
    operation: operation ?? null,
  };
};

async function show(output: Output, zone: string): Promise<void> {
  const { findZone } = await import('../zones/find-zone.ts');
  const manifest = await findZone(zone);
  const rows = manifest.made.map(({ step, kind, ref }) => [step, kind, ref?.id ?? 'begun']);
  const { domain, state, region, accountId, imageId, operation = '', createdAt, updatedAt } = manifest;
  const lines = [
    `${domain}: ${state}`,
    `region     ${region}, account ${accountId}`,
    `image      ${imageId}`,
    `created    ${createdAt}, changed ${updatedAt}`,
    `operation  ${operation}`,
    '',
    table(['step', 'kind', 'id'], rows),
  ];
  output.result(manifest, lines.join('\n'));
}

interface DestroyOptions extends StartOptions {
  readonly plan?: boolean;
  readonly yes?: boolean;
}

async function destroy(output: Output, name: string, options: DestroyOptions): Promise<ExitCode> {
  const { destroyHash, planDestroy } = await import('../../domain/zone/destroy.ts');
  const { findZone } = await import('../zones/find-zone.ts');
  const manifest = await findZone(name);
  if (manifest.state === 'destroyed') {
    throw new ClientError(EXIT.refused, `Cannot destroy zone "${manifest.domain}": it is destroyed already`);
  }
  const layers = planDestroy(manifest).map((layer) =>
    layer.map(({ step, kind, ref }) => ({ step, kind, id: ref?.id ?? 'begun' })),
  );
  const approvedPlan = destroyHash(manifest);
  if (options.plan === true) {
    const rows = layers.flat().map(({ step, kind, id }) => [step, kind, id]);
    output.result({ zone: manifest.zone, hash: approvedPlan, layers }, table(['step', 'kind', 'id'], rows));
    return EXIT.done;
  }
  const parts = layers.flat().length;
  await confirm(output, {
    question: `Destroy zone ${manifest.domain} with its ${parts} parts?`,
    yes: options.yes,
  });
  const { askerOf, startOperation } = await import('../operations.ts');
  const { conclude, follow } = await import('./follow.ts');
  return withTemporal(async ({ client, context }) => {
    const { zone, environment } = manifest;
    const input = {
      zone,
      environment,
      bucket: context.store.bucket,
      approvedPlan,
      ...askerOf(options),
    };
    const id = `destroy-${manifest.zone}`;
    const handle = await startOperation(client, { type: 'DestroyZone', id, input, whenRunning: 'FAIL' });
    const outcome = await follow<{ removed: number }>(client, handle, options);
    return conclude(
      output,
      outcome,
      options,
      ({ removed }) => `${manifest.domain} is gone (${removed} parts); nothing is left`,
    );
  });
}
