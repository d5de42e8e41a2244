import type { Filter, ResourceType, TagSpecification } from '@aws-sdk/client-ec2';
import { ZonewrightError } from '../../domain/errors.ts';
import { attemptOf, ownsByTags, TAG_PREFIX, type Owner } from '../../domain/resources/resource.ts';
import type { Found, Leftover, SweepScope } from '../effect.ts';

type Tags = Readonly<Record<string, string>>;
type TagPairs = readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;

/** EC2's and IAM's list of tags as a record. */
export const tagsOf = (list: TagPairs): Record<string, string> =>
  Object.fromEntries((list ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));

export const tagList = (tags: Tags): { Key: string; Value: string }[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** Tags that EC2 writes in the same call that makes the resource. */
export const tagAtCreation = (tags: Tags, ...types: ResourceType[]): TagSpecification[] =>
  types.map((ResourceType) => ({ ResourceType, Tags: tagList(tags) }));

const tagFilter = (key: string, value: string): Filter => ({
  Name: `tag:${TAG_PREFIX}${key}`,
  Values: [value],
});

/** Filters that find what one step made. */
export const ownerFilters = (owner: Owner): Filter[] => [
  tagFilter('operation', owner.operation),
  tagFilter('step', owner.step),
  tagFilter('incarnation', String(owner.incarnation)),
];

/** Filters that find everything of an operation or a zone. */
export const scopeFilters = (scope: SweepScope): Filter[] =>
  Object.entries(scope).map(([key, value]) => tagFilter(key, String(value)));

export const inScope = (scope: SweepScope, tags: Tags): boolean =>
  Object.entries(scope).every(([key, value]) => tags[TAG_PREFIX + key] === value);

/** A pair of what is there and what the plan says; equal pairs are no difference. */
export type Compared = Readonly<Record<string, readonly [actual: unknown, planned: unknown]>>;

export const differences = (compared: Compared): string[] =>
  Object.entries(compared)
    .filter(([, [actual, planned]]) => JSON.stringify(actual) !== JSON.stringify(planned))
    .map(([what, [actual, planned]]) => `${what} is ${text(actual)}, planned ${text(planned)}`);

const text = (value: unknown): string =>
  value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);

/** Something with tags, as `Effect.describe` answers it. */
export function foundByTags<Ref>(owner: Owner, tags: TagPairs, ref: Ref, compared: Compared): Found<Ref> {
  const record = tagsOf(tags);
  return {
    ref,
    owned: ownsByTags(owner, record),
    attempt: attemptOf(record),
    mismatch: differences(compared),
  };
}

/** Something with tags, as `Effect.leftovers` answers it. */
export function leftoverOf<Ref extends { readonly id: string }>(ref: Ref, tags: Tags): Leftover<Ref> {
  const step = tags[`${TAG_PREFIX}step`];
  const operation = tags[`${TAG_PREFIX}operation`];
  return {
    id: ref.id,
    ref,
    ...(step === undefined ? {} : { step }),
    ...(operation === undefined ? {} : { operation }),
  };
}

/**
 * A field that AWS always answers, although its types say "or undefined".
 *
 * @throws {ZonewrightError} `CloudUnavailable` when it is missing all the same
 */
export function given<T>(value: T | undefined, field: string): T {
  if (value !== undefined) return value;
  throw new ZonewrightError('CloudUnavailable', `Cannot read the answer of AWS: it has no "${field}"`);
}
