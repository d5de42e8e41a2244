import type { z } from 'zod';
import { InvalidInput, type InputIssue } from './errors.ts';

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
    result.error.issues.flatMap((issue) => describeIssue(issue, value)),
  );
}

function describeIssue(issue: z.core.$ZodIssue, root: unknown): InputIssue[] {
  const path = pathText(issue.path);
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    root,
  );
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      value: (value as Record<string, unknown> | undefined)?.[key],
      expected: 'no such key (is it misspelt?)',
    }));
  }
  return [{ path, value, expected: expectation(issue) }];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${article(issue.expected)} ${issue.expected}`;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'too_small':
      return `at least ${issue.minimum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'too_big':
      return `at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    default:
      return issue.message;
  }
}

const article = (word: string): string => (/^[aeiou]/.test(word) ? 'an' : 'a');

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${String(key)}` : String(key),
    '',
  ) || '(whole)';
