/** `zonewright image`: bake images from recipes, look at them, remove them. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { BakedImage } from '../images/catalog.ts';
import { ClientError, EXIT } from '../errors.ts';
import { confirm } from './confirm.ts';
import { addBakeCommand } from './image-bake.ts';
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
