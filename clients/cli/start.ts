/**
 * `npm start`: from a fresh clone to a zone that has been through its life: made, served, rolled under load, backed up,
 * joined and left by workers. With `--once` everything is taken down again; a lost request ends it with 1.
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { duration, verb, withOutput } from './output.ts';
import type { Output } from './output.ts';
import { bringUp } from './sandbox.ts';

interface StartCommandOptions {
  readonly once?: boolean;
  readonly zoneOnly?: boolean;
  readonly file: string;
}

const EXAMPLE = join(import.meta.dirname, '../../examples/zone.yaml');

export function addStartCommand(program: Command): void {
  program
    .command('start')
    .option('--once', 'take everything down again afterwards')
    .option('--file <zone-file>', 'the zone to create', EXAMPLE)
    .option('--zone-only', 'end once a pod of the zone answers')
    .description('bring the sandbox up, create a zone in it and show what can be done with it')
    .action(verb(start));
}

async function start(output: Output, options: StartCommandOptions): Promise<ExitCode> {
  const { once, file } = options;
  const began = performance.now();
  // Whatever context the person uses otherwise: this is about the sandbox.
  process.env['ZONEWRIGHT_CONTEXT'] = 'sandbox';
  const { readZoneSpec } = await import('../zones/read-spec.ts');
  await readZoneSpec(file); // a wrong file costs nothing
  await ensureUp(output, once);
  try {
    return await show(output, options, () => duration(performance.now() - began));
  } finally {
    if (once === true) await takeDown(output);
  }
}

async function show(
  output: Output,
  { file, zoneOnly }: StartCommandOptions,
  passed: () => string,
): Promise<ExitCode> {
  const { readState, sandboxHome } = await import('../../sandbox/state.ts');
  const { storyOf, tellStory, whatNext } = await import('./story.ts');
  const temporalUi = readState()?.temporalUi ?? '';
  output.progress(`Temporal UI: ${temporalUi}`);
  const there = await active(file);
  if (there !== undefined) {
    const { zone, domain, state, createdAt } = there;
    output.progress(whatNext(storyOf(there), temporalUi));
    output.result({ zone, domain, state, createdAt }, `${domain} is there already, since ${createdAt}`);
    return EXIT.done;
  }
  const created = await createExample(output, file);
  output.progress(
    `${created.code === EXIT.done ? 'a pod of the zone answered' : 'no pod answered'} after ${passed()}`,
  );
  const manifest = created.code === EXIT.done ? await active(file) : undefined;
  if (manifest === undefined || zoneOnly === true) {
    output.result(created.document, created.text);
    return created.code;
  }
  const story = storyOf(manifest);
  const { code, results, load } = await tellStory(output, story, { home: sandboxHome(), run: runCommand });
  output.progress(`${code === EXIT.done ? 'everything is shown' : 'it ended early'} after ${passed()}`);
  if (code === EXIT.done) output.progress(whatNext(story, temporalUi));
  const requests = load === undefined ? '' : `; ${load.sent} requests, ${load.failed} failed`;
  output.result({ zone: created.document, ...results, load: load ?? null }, `${created.text}${requests}`);
  return code;
}

/** As if it were typed; says its results to `output`, errors to stderr as always. */
async function runCommand(output: Output, args: readonly string[]): Promise<ExitCode> {
  const { buildProgram } = await import('./program.ts');
  const { reportError } = await import('./failures.ts');
  const before = process.exitCode;
  try {
    await withOutput(output, () => buildProgram().parseAsync(args, { from: 'user' }));
    return Number(process.exitCode ?? 0) as ExitCode;
  } catch (error) {
    return reportError(error, false) as ExitCode;
  } finally {
    process.exitCode = before;
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

/** The manifest of the file's zone, if it is up. */
async function active(file: string): Promise<ZoneManifest | undefined> {
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

interface Created {
  readonly code: ExitCode;
  readonly document: unknown;
  readonly text: string;
}

async function createExample(output: Output, file: string): Promise<Created> {
  const { withTemporal } = await import('./connect.ts');
  const { conclude } = await import('./follow.ts');
  const { createdText, runCreateZone } = await import('./zone-create.ts');
  const options = { yes: true, reason: 'npm start' };
  return withTemporal(async (session) => {
    const outcome = await runCreateZone(session, output, file, options);
    let said = '';
    const heard: Output = { ...output, result: (_document, text) => (said = text) };
    const code = conclude(heard, outcome, {}, createdText);
    const answered = outcome.state === 'done' && outcome.result.answered.pod !== '';
    return { code: code === EXIT.done && !answered ? EXIT.failed : code, document: outcome, text: said };
  });
}

async function takeDown(output: Output): Promise<void> {
  const { down } = await import('../../sandbox/down.ts');
  const began = performance.now();
  await down();
  output.progress(`✓ sandbox down (${duration(performance.now() - began)})`);
}
