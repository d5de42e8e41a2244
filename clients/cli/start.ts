/**
 * `npm start`: from a fresh clone to a pod that answers. Brings the sandbox up, creates the zone of the example in
 * it and says where everything is; with `--once` it takes everything down again, and only a pod that answered ends in 0.
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { duration, verb } from './output.ts';
import type { Output } from './output.ts';
import { bringUp } from './sandbox.ts';

interface StartCommandOptions {
  readonly once?: boolean;
  readonly file: string;
}

const EXAMPLE = join(import.meta.dirname, '../../examples/zone.yaml');

export function addStartCommand(program: Command): void {
  program
    .command('start')
    .option('--once', 'take everything down again afterwards')
    .option('--file <zone-file>', 'the zone to create', EXAMPLE)
    .description('bring the sandbox up and create a zone in it')
    .action(verb(start));
}

async function start(output: Output, { once, file }: StartCommandOptions): Promise<ExitCode> {
  const began = performance.now();
  // Whatever context the person uses otherwise: this is about the sandbox.
  process.env['ZONEWRIGHT_CONTEXT'] = 'sandbox';
  const { readState } = await import('../../sandbox/state.ts');
  const { readZoneSpec } = await import('../zones/read-spec.ts');
  await readZoneSpec(file); // a wrong file costs nothing
  await ensureUp(output, once);
  try {
    const state = readState();
    if (state !== undefined) output.progress(`Temporal UI: ${state.temporalUi}`);
    const there = await alreadyThere(file);
    if (there !== undefined) {
      const { zone, domain, state: zoneState, createdAt } = there;
      output.result(
        { zone, domain, state: zoneState, createdAt },
        `${domain} is there already, since ${createdAt}`,
      );
      return EXIT.done;
    }
    const code = await createExample(output, file);
    output.progress(
      `${code === EXIT.done ? 'a pod of the zone answered' : 'no pod answered'} after ${duration(performance.now() - began)}`,
    );
    return code;
  } finally {
    if (once === true) await takeDown(output);
  }
}

/**
 * A sandbox of which something has died is taken down first.
 *
 * @throws {ClientError} when `--once` would take down a sandbox that somebody else brought up
 */
async function ensureUp(output: Output, once: boolean | undefined): Promise<void> {
  const { status } = await import('../../sandbox/status.ts');
  const { state, home } = await status();
  if (state === 'up' && once === true) {
    throw new ClientError(
      EXIT.refused,
      `Cannot start once: a sandbox is up in "${home}" and would be taken down`,
      {
        expectation:
          'none; "zonewright sandbox down" ends it, or set ZONEWRIGHT_SANDBOX_HOME to another folder',
      },
    );
  }
  if (state === 'up') return;
  if (state === 'partly') await takeDown(output);
  await bringUp(output);
}

/** The manifest of the file's zone, if it is up already. */
async function alreadyThere(file: string): Promise<ZoneManifest | undefined> {
  const { loadContext } = await import('../contexts.ts');
  const { withAws } = await import('../aws.ts');
  const { readManifest } = await import('../zones/manifests.ts');
  const { readZoneSpec } = await import('../zones/read-spec.ts');
  const { zoneName } = await import('../../domain/zone/spec.ts');
  const { spec } = await readZoneSpec(file);
  const context = loadContext();
  const manifest = await withAws(context, (aws) =>
    readManifest(aws, context.store.bucket, zoneName(spec.zone)),
  );
  return manifest?.state === 'active' ? manifest : undefined;
}

async function createExample(output: Output, file: string): Promise<ExitCode> {
  const { withTemporal } = await import('./connect.ts');
  const { conclude } = await import('./follow.ts');
  const { createdText, runCreateZone } = await import('./zone-create.ts');
  const options = { yes: true, reason: 'npm start' };
  return withTemporal(async (session) => {
    const outcome = await runCreateZone(session, output, file, options);
    const code = conclude(output, outcome, {}, createdText);
    const answered = outcome.state === 'done' && outcome.result.answered.pod !== '';
    return code === EXIT.done && !answered ? EXIT.failed : code;
  });
}

async function takeDown(output: Output): Promise<void> {
  const { down } = await import('../../sandbox/down.ts');
  const began = performance.now();
  await down();
  output.progress(`✓ sandbox down (${duration(performance.now() - began)})`);
}
