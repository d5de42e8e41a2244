/**
 * Tags of images and snapshots, which the front keeps, among those that the emulator keeps.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
 */
import {
  AwsError,
  deleteParams,
  ec2Answer,
  filtersOf,
  listOf,
  matchesPattern,
  structuresOf,
} from '../call.ts';
import type { Answer, Call, Next, Rule } from '../call.ts';
import { kindOfId } from '../kinds.ts';
import type { World } from '../world.ts';
import { itemsOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';

export function imageTags(world: World): Rule {
  return {
    name: 'image-tags',
    actions: ['ec2:CreateTags', 'ec2:DeleteTags', 'ec2:DescribeTags'],
    apply: (call, next) =>
      call.action === 'DescribeTags' ? describe(world, call, next) : change(world, call, next),
  };
}

async function change(world: World, call: Call, next: Next): Promise<Answer> {
  const ids = listOf(call.params, 'ResourceId');
  const own = ids.filter((id) => /^(ami|snap)-/.test(id));
  if (own.length === 0) return next(call);
  const tagged = own.map((id) => {
    const found = world.images.image(id) ?? world.images.snapshot(id);
    if (found !== undefined) return found;
    throw new AwsError(kindOfId(id)?.notFound ?? 'InvalidID', `The ID '${id}' does not exist`);
  });
  for (const resource of tagged) {
    for (const tag of structuresOf(call.params, 'Tag')) {
      const key = tag.get('Key') ?? '';
      const value = tag.get('Value');
      if (call.action === 'CreateTags') resource.tags[key] = value ?? '';
      // A tag is deleted whatever its value, unless one is named.
      else if (value === undefined || resource.tags[key] === value) delete resource.tags[key];
    }
  }
  world.images.save();
  const others = ids.filter((id) => !own.includes(id));
  if (others.length === 0) return ec2Answer(call, { return: 'true' });
  deleteParams(call.params, 'ResourceId');
  others.forEach((id, i) => call.params.set(`ResourceId.${i + 1}`, id));
  return next(call);
}

async function describe(world: World, call: Call, next: Next): Promise<Answer> {
  const filters = filtersOf(call.params);
  const answer = await next(call);
  const own: XmlObject[] = [];
  for (const [resourceType, list] of [
    ['image', world.images.images],
    ['snapshot', world.images.snapshots],
  ] as const) {
    for (const { id, tags, ownerId } of list) {
      if (ownerId !== world.accountId) continue;
      for (const [key, value] of Object.entries(tags)) own.push({ resourceId: id, resourceType, key, value });
    }
  }
  const matching = own.filter((tag) =>
    filters.every((filter) => filter.values.some((pattern) => holds(filter.name, pattern, tag))),
  );
  const fields = answer.document!.fields;
  fields['tagSet'] = { item: [...itemsOf(fields, 'tagSet'), ...matching] };
  return answer;
}

function holds(name: string, pattern: string, tag: XmlObject): boolean {
  const names: Readonly<Record<string, string>> = {
    ...{ 'resource-id': 'resourceId', 'resource-type': 'resourceType', key: 'key', value: 'value' },
  };
  if (name.startsWith('tag:'))
    return tag['key'] === name.slice(4) && matchesPattern(pattern, String(tag['value']));
  return matchesPattern(pattern, String(tag[names[name] ?? '']));
}
