/** `zonewright image bake`: from a recipe folder to a verified image. */
import type { Command } from 'commander';
import type { BakeResult } from '../../domain/image/bake.ts';
import { EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import type { ZonewrightContext } from '../contexts.ts';
import type { BakedImage } from '../images/catalog.ts';
import type { BakeRequest } from '../images/request-bake.ts';
import { withTemporal } from './connect.ts';
import type { Session } from './connect.ts';
import type { FollowOptions, Outcome } from './follow.ts';
import { withStartOptions } from './operation-options.ts';
import type { StartOptions } from './operation-options.ts';
import { verb } from './output.ts';
import type { Output } from './output.ts';

interface BakeOptions extends StartOptions {
  readonly plan?: boolean;
  readonly source?: string;
  readonly log?: boolean;
}

export function addBakeCommand(image: Command): void {
  withStartOptions(image.command('bake').argument('<recipe-folder>'))
    .option('--plan', 'say what would be baked and from what; start nothing')
    .option('--log', 'also print what the machines of the bake write')
    .option('--source <image>', 'id or name of the AMI for recipes that name none')
    .description('bake an image from a recipe; the same content is baked once')
    .action(verb(bake));
}

async function bake(output: Output, folder: string, options: BakeOptions): Promise<ExitCode> {
  const { loadContext } = await import('../contexts.ts');
  const { withAws } = await import('../aws.ts');
  const { findVerified } = await import('../images/catalog.ts');
  const { bakeId } = await import('../../domain/image/bake.ts');
  const context = loadContext();
  const request = await prepareBake(output, folder, options.source);
  const id = bakeId(request.input.content);
  if (options.plan === true) {
    const there = await withAws(context, (aws) => findVerified(aws, { bake: id }));
    output.result(
      { bake: id, content: request.input.content, image: there?.id ?? null },
      bakePlanText(id, request, there),
    );
    return EXIT.done;
  }
  return withTemporal(async (session) => {
    const outcome =
      options.log === true
        ? await bakeWithLog(session, output, request, options)
        : await runBake(session, output, request, options);
    const { conclude } = await import('./follow.ts');
    return conclude(output, outcome, options, (result) => bakedText(result));
  });
}

/** The same with the machines' log between the steps. */
async function bakeWithLog(
  session: Session,
  output: Output,
  request: BakeRequest,
  options: StartOptions,
): Promise<Outcome<BakeResult>> {
  const { withAws } = await import('../aws.ts');
  const { followBakeLog } = await import('../images/bake-log.ts');
  const { bakeId } = await import('../../domain/image/bake.ts');
  const { store } = session.context;
  const ended = new AbortController();
  const logging = withAws(session.context, async (aws) => {
    const log = followBakeLog(aws, store.bucket, bakeId(request.input.content), ended.signal);
    for await (const { source, lines } of log)
      for (const line of lines) output.progress(`${source} | ${line}`);
  }).catch((error: unknown) => output.progress(`The log cannot be followed: ${String(error)}`));
  try {
    return await runBake(session, output, request, { ...options, plain: true });
  } finally {
    ended.abort();
    await logging;
  }
}

const bakedText = ({ imageId, adopted }: BakeResult): string =>
  `${imageId}${adopted ? ' (baked and verified before)' : ''}`;

function bakePlanText(id: string, { input }: BakeRequest, there: BakedImage | undefined): string {
  const { recipe, sourceImageId, region, accountId } = input.content;
  return [
    `bake      ${id}`,
    `recipe    ${recipe.name} ${recipe.digest.slice(0, 12)} (${recipe.architecture}, ${recipe.instanceType})`,
    `source    ${sourceImageId}`,
    `place     ${region}, account ${accountId}`,
    `image     ${there === undefined ? 'none yet: it would be baked' : `${there.id}, verified: nothing would be done`}`,
  ].join('\n');
}

/** Packs the recipe. */
async function prepareBake(output: Output, folder: string, source?: string): Promise<BakeRequest> {
  const { loadContext } = await import('../contexts.ts');
  const { asClientError } = await import('../aws.ts');
  const { requestBake } = await import('../images/request-bake.ts');
  const { toolResolver } = await import('./tools.ts');
  const context = loadContext();
  const defaultSource = source ?? context.sourceImage;
  try {
    return await requestBake(context, {
      folder,
      resolveTool: toolResolver(output),
      onProgress: (what) => output.progress(what),
      ...(defaultSource === undefined ? {} : { defaultSource }),
    });
  } catch (error) {
    throw asClientError(context, error);
  }
}

/** Uploads the recipe, starts its bake, or joins the one of the same content that is running, and follows it. */
export async function runBake(
  { client, context }: Session,
  output: Output,
  request: BakeRequest,
  options: FollowOptions & Pick<StartOptions, 'reason'>,
): Promise<Outcome<BakeResult>> {
  const { actor, startOperation } = await import('../operations.ts');
  const { follow } = await import('./follow.ts');
  await upload(context, output, request);
  const handle = await startOperation(client, {
    type: 'BakeAmi',
    id: request.workflowId,
    whenRunning: 'USE_EXISTING',
    input: { ...request.input, actor: actor(), reason: options.reason },
  });
  return follow<BakeResult>(client, handle, options);
}

async function upload(context: ZonewrightContext, output: Output, request: BakeRequest): Promise<void> {
  const { asClientError } = await import('../aws.ts');
  const { sendRecipe } = await import('../images/request-bake.ts');
  try {
    await sendRecipe(context, request, (what) => output.progress(what));
  } catch (error) {
    throw asClientError(context, error);
  }
}
