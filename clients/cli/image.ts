/** `zonewright image`: bake images from recipes, look at them, remove them. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { BakeResult } from '../../domain/image/bake.ts';
import type { BakedImage } from '../images/catalog.ts';
import type { BakeRequest } from '../images/request-bake.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import type { Session } from './connect.ts';
import type { Outcome } from './follow.ts';
import { withStartOptions } from './operation-options.ts';
import type { StartOptions } from './operation-options.ts';
import { table, verb } from './output.ts';
import type { Output } from './output.ts';

export function addImageCommands(program: Command): void {
  const image = program.command('image').description('machine images: bake, look, remove');
  addBakeCommand(image);
  addListCommand(image);
  addShowCommand(image);
  addRemoveCommand(image);
  addCollectCommand(image);
}

interface BakeOptions extends StartOptions {
  readonly plan?: boolean;
  readonly source?: string;
}

function addBakeCommand(image: Command): void {
  withStartOptions(image.command('bake').argument('<recipe-folder>'))
    .option('--plan', 'say what would be baked and from what; start nothing')
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
    const outcome = await runBake(session, request, options);
    const { conclude } = await import('./follow.ts');
    return conclude(output, outcome, options, (result) => bakedText(result));
  });
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

/** Packs and uploads the recipe; also used before a zone is created. */
export async function prepareBake(output: Output, folder: string, source?: string): Promise<BakeRequest> {
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

/** Starts a bake, or joins the one of the same content that is running, and follows it. */
export async function runBake(
  { client }: Session,
  { workflowId, input }: BakeRequest,
  options: Pick<StartOptions, 'detach' | 'wait' | 'reason'>,
): Promise<Outcome<BakeResult>> {
  const { actor, startOperation } = await import('../operations.ts');
  const { follow } = await import('./follow.ts');
  const handle = await startOperation(client, {
    type: 'BakeAmi',
    id: workflowId,
    whenRunning: 'USE_EXISTING',
    input: { ...input, actor: actor(), reason: options.reason },
  });
  return follow<BakeResult>(client, handle, options);
}

function addListCommand(image: Command): void {
  image
    .command('list')
    .description('images that were baked in this account')
    .action(
      verb(async (output) => {
        const { loadContext } = await import('../contexts.ts');
        const { withAws } = await import('../aws.ts');
        const { listImages } = await import('../images/catalog.ts');
        const images = await withAws(loadContext(), listImages);
        const rows = images.map(({ id, recipe, verified, state, createdAt, bake }) => [
          id,
          recipe,
          verified ? 'verified' : 'not verified',
          state,
          createdAt.slice(0, 19),
          bake,
        ]);
        const head = ['id', 'recipe', 'verified', 'state', 'created (UTC)', 'bake'];
        output.result({ images }, rows.length > 0 ? table(head, rows) : 'No image yet');
      }),
    );
}

function addShowCommand(image: Command): void {
  image
    .command('show')
    .argument('<id-or-name>')
    .description('what an image was made of and what uses it')
    .action(
      verb(async (output, idOrName: string) => {
        const [found] = await withUsers([idOrName]);
        if (found === undefined) return;
        const { users, ...shown } = found;
        const lines = Object.entries(shown).map(([key, value]) => `${key.padEnd(14)}${String(value)}`);
        output.result(
          found,
          [...lines, `${'used by'.padEnd(14)}${users.join(', ') || 'nothing'}`].join('\n'),
        );
      }),
    );
}

/** The images of these ids or names, or all, each with what uses it. */
async function withUsers(
  wanted?: readonly string[],
): Promise<(BakedImage & { readonly users: readonly string[] })[]> {
  const { loadContext } = await import('../contexts.ts');
  const { withAws } = await import('../aws.ts');
  const { findImage, listImages, usersOf } = await import('../images/catalog.ts');
  const { listManifests } = await import('../zones/manifests.ts');
  const context = loadContext();
  return withAws(context, async (aws) => {
    const images =
      wanted === undefined
        ? await listImages(aws)
        : await Promise.all(wanted.map((one) => findImage(aws, one)));
    const manifests = await listManifests(aws, context.store.bucket);
    return Promise.all(images.map(async (one) => ({ ...one, users: await usersOf(aws, one, manifests) })));
  });
}

function addRemoveCommand(image: Command): void {
  image
    .command('rm')
    .argument('<id-or-name...>')
    .option('--yes', 'do not ask')
    .description('remove images with their snapshots; those in use are refused')
    .action(
      verb(async (output, wanted: string[], { yes }: { yes?: boolean }) => {
        const images = await withUsers(wanted);
        const used = images.find(({ users }) => users.length > 0);
        if (used !== undefined) {
          const message = `Cannot remove image "${used.id}": it is used by ${used.users.join(', ')}`;
          throw new ClientError(EXIT.refused, message, { expectation: 'an image that nothing uses' });
        }
        await removeAll(output, images, yes);
      }),
    );
}

interface CollectOptions {
  readonly keep: number;
  readonly plan?: boolean;
  readonly yes?: boolean;
}

function addCollectCommand(image: Command): void {
  image
    .command('gc')
    .option('--keep <count>', 'verified images of each recipe to keep', count, 2)
    .option('--plan', 'say what would be removed; remove nothing')
    .option('--yes', 'do not ask')
    .description('remove images that are old or were never verified, and that nothing uses')
    .action(
      verb(async (output, { keep, plan, yes }: CollectOptions) => {
        const { garbage } = await import('../images/catalog.ts');
        const images = await withUsers();
        const old = new Set(garbage(images, keep).map(({ id }) => id));
        const unused = images.filter(({ id, users }) => old.has(id) && users.length === 0);
        if (plan === true || unused.length === 0) {
          const text = unused.map(({ id, recipe, createdAt }) => `${id} ${recipe} ${createdAt}`).join('\n');
          output.result({ remove: unused.map(({ id }) => id), removed: [] }, text || 'Nothing to remove');
          return;
        }
        await removeAll(output, unused, yes);
      }),
    );
}

async function removeAll(
  output: Output,
  images: readonly BakedImage[],
  yes: boolean | undefined,
): Promise<void> {
  const { loadContext } = await import('../contexts.ts');
  const { withAws } = await import('../aws.ts');
  const { removeImage } = await import('../images/catalog.ts');
  const ids = images.map(({ id }) => id);
  await confirm(output, { question: `Remove ${ids.join(', ')}?`, yes });
  await withAws(loadContext(), async (aws) => {
    for (const one of images) await removeImage(aws, one);
  });
  output.result({ remove: ids, removed: ids }, ids.map((id) => `removed ${id}`).join('\n'));
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a whole number.');
}
