import type { z } from 'zod';
import { InvalidInput, type InputIssue } from './errors.ts';
import { knownKeys } from './known-keys.ts';
import { nearestWord } from './spelling.ts';

/**
 * Parses what a person or another program gave.
 *
 * @param what what is being read, for the message: `examples/zone.yaml`, `the input of CreateZone`
 * @throws {InvalidInput} naming each path, its value and what was expected
 */
export function parse<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InvalidInput(
    what,
    result.error.issues.flatMap((issue) => describeIssue(issue, value, schema)),
  );
}

function describeIssue(issue: z.core.$ZodIssue, root: unknown, schema: z.ZodType): InputIssue[] {
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key],
    root,
  );
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      value: (value as Record<string, unknown> | undefined)?.[key],
      expected: noSuchKey(key, known),
    }));
  }
  if (issue.code === 'invalid_union') {
    const inner = furthest(issue.errors);
    if (inner) {
      return inner.flatMap((each) =>
        describeIssue({ ...each, path: [...issue.path, ...each.path] }, root, schema),
      );
    }
  }
  return [{ path: pathText(issue.path), value, expected: expectation(issue) }];
}

function noSuchKey(key: string, known: readonly string[]): string {
  const nearest = nearestWord(key, known);
  if (nearest !== undefined) return `no such key; did you mean "${nearest}"?`;
  return `no such key (is it misspelt?)${known.length > 0 ? `; known: ${known.join(', ')}` : ''}`;
}

/** Of a union's alternatives the one that the value came nearest to: its type was right and something in it is not. */
const furthest = (errors: readonly (readonly z.core.$ZodIssue[])[]) =>
  errors
    .filter((issues) => !issues.some((issue) => issue.path.length === 0 && issue.code === 'invalid_type'))
    .toSorted((a, b) => a.length - b.length)[0];

/** A schema's own words come first; what zod would say by itself is said in ours. */
function expectation(issue: z.core.$ZodIssue): string {
  if (!/^(Invalid |Too |Unrecognized )/.test(issue.message) && issue.message !== 'Invalid input') {
    return issue.message;
  }
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? `${article(issue.expected)} ${issue.expected}`;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'invalid_format':
      return FORMATS[issue.format] ?? issue.message;
    case 'invalid_union':
      return [...new Set(issue.errors.flat().map(expectation))].join(' or ') || issue.message;
    case 'invalid_key':
      return `a key that is ${issue.issues.map(expectation).join(' and ')}`;
    case 'too_small':
      return `at least ${issue.minimum}${UNITS[issue.origin] ?? ''}`;
    case 'too_big':
      return `at most ${issue.maximum}${UNITS[issue.origin] ?? ''}`;
    default:
      return issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys and values',
  record: 'keys and values',
};
const FORMATS: Readonly<Record<string, string>> = {
  cidrv4: 'an IPv4 range, e.g. "10.0.0.0/16"',
  ipv4: 'an IPv4 address, e.g. "10.0.0.1"',
  url: 'a URL',
  datetime: 'a time, e.g. "2030-01-31T12:00:00Z"',
};
const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' };

const article = (word: string): string => (/^[aeiou]/.test(word) ? 'an' : 'a');

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${String(key)}` : String(key),
    '',
  ) || '(whole)';
