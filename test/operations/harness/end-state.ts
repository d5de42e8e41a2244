/** What a run left behind, in words that do not differ between two runs: kinds, steps and names instead of ids. */
import type { InventoryItem } from '../../../sandbox/aws/inventory.ts';

/** One line for each thing, sorted; two equal lines are two things. */
export type EndState = readonly string[];

/** What runs leave: records, logs, manifests of zones that are gone, and what all zones of the account share. */
export const MAY_STAY = /"kind":"(s3-prefix|delegation-set)"/;

/** Ids as AWS makes them, hashes, addresses: all that is drawn anew by each run. */
const DRAWN: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z]+-[0-9a-f]{17}\b/g, '<id>'],
  [/\b[0-9a-f]{32,64}\b/g, '<hash>'],
  [/(bake-[a-z0-9-]+?)-[0-9a-f]{8}\b/g, '$1-<hash>'],
  [/\.[0-9a-f]{8}\b/g, '.<run>'],
  [/\bAROA[A-Z0-9]{17}\b/g, '<id>'],
  [/\b\d{1,3}(\.\d{1,3}){3}\b/g, '<address>'],
];

/** Two runs make these on different occasions; what they are made of is looked at in another place. */
const IGNORED_TAGS = new Set(['zonewright:attempt', 'zonewright:recipe-digest']);

/** How often a document was written says how the run went, and not where it came to. */
const NOT_COUNTED = /\/(bakes|zones|machines)\//;

/** Text without what each run draws anew. `own` are names of this run: its workflow id, the salt of its recipe. */
export function withoutDrawn(text: string, own: readonly string[] = []): string {
  const named = own.reduce((all, word) => all.replaceAll(word, '<own>'), text);
  return DRAWN.reduce((all, [pattern, word]) => all.replaceAll(pattern, word), named);
}

/** Shared by all zones of an account, and made by the first of them: there before or not, they are part of the end. */
const SHARED = new Set(['delegation-set']);

/** What is there after a run and was not before it, and what vanished. */
export function endState(
  before: readonly InventoryItem[],
  after: readonly InventoryItem[],
  own: readonly string[] = [],
): EndState {
  const byKey = (items: readonly InventoryItem[]) => new Map(items.map((item) => [keyOf(item), item]));
  const [old, now] = [byKey(before), byKey(after)];
  const steps = new Map(after.map((item) => [item.id, stepOf(item)]));
  // Documents are written again by later runs; records never are, each run has its own.
  const rewritten = ({ kind, id }: InventoryItem) =>
    kind === 's3-prefix' && !id.includes('/operations/') && own.some((word) => id.includes(word));
  const made = after.filter((item) => !old.has(keyOf(item)) || SHARED.has(item.kind) || rewritten(item));
  const gone = before.filter((item) => !now.has(keyOf(item)));
  return [
    ...made.map((item) => `+ ${lineOf(item, steps, own)}`),
    ...gone.map((item) => `- ${lineOf(withoutMaker(item), steps, own)}`),
  ].toSorted();
}

/** What is gone was made before the run, by whomever. */
const withoutMaker = ({ tags: { 'zonewright:operation': _maker, ...tags }, ...item }: InventoryItem) => ({
  ...item,
  tags,
});

const keyOf = ({ kind, id, parent = '' }: InventoryItem): string => `${kind} ${id} ${parent}`;

const stepOf = ({ kind, tags }: InventoryItem): string =>
  `${kind} of ${tags['zonewright:step'] ?? 'no step'}`;

function lineOf(item: InventoryItem, steps: ReadonlyMap<string, string>, own: readonly string[]): string {
  const { kind, id, parent, tags, state, name, count } = item;
  const counted = count === undefined || NOT_COUNTED.test(`/${id}/`) ? undefined : count;
  const text = JSON.stringify({
    kind,
    ...(/^[a-z]+-[0-9a-f]{8,}$|^Z[A-Z0-9]+$|^N[A-Z0-9]+$/.test(id) ? {} : { id }),
    ...(parent === undefined ? {} : { in: steps.get(parent) ?? 'what was there before' }),
    ...(name === undefined ? {} : { name }),
    ...(state === undefined ? {} : { state }),
    ...(counted === undefined ? {} : { count: counted }),
    tags: Object.fromEntries(
      Object.entries(tags)
        .filter(([key]) => !IGNORED_TAGS.has(key))
        .toSorted(([a], [b]) => a.localeCompare(b)),
    ),
  });
  return withoutDrawn(text, own);
}

export const SURPLUS = 'too much: ';

/** How one end state differs from another, a line each; empty when they are equal. */
export function differences(expected: EndState, actual: EndState): string[] {
  const missing = [...expected];
  const surplus = actual.filter((line) => {
    const at = missing.indexOf(line);
    if (at >= 0) missing.splice(at, 1);
    return at < 0;
  });
  return [...surplus.map((line) => `${SURPLUS}${line}`), ...missing.map((line) => `missing: ${line}`)];
}
