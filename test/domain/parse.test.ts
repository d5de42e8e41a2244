import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { InvalidInput, type InputIssue } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { nearestWord } from '../../domain/spelling.ts';

const schema = z.strictObject({
  machines: z
    .array(z.strictObject({ instanceType: z.string(), count: z.number().int().min(1).max(5) }))
    .max(2)
    .default([]),
  range: z.cidrv4().optional(),
  mode: z.enum(['one', 'two']).optional(),
  place: z.union([z.strictObject({ id: z.string() }), z.strictObject({ folder: z.string() })]).optional(),
  size: z.union([z.string(), z.number()]).optional(),
  options: z.strictObject({ encrypted: z.boolean() }).prefault({ encrypted: true }),
  labels: z.record(z.string().regex(/^[a-z]+$/, 'lower-case letters'), z.string()).optional(),
  name: z.string().min(3).regex(/^z/, 'a word that begins with z').optional(),
});

const issuesOf = (value: unknown): readonly InputIssue[] => {
  try {
    parse(schema, value, 'the test');
  } catch (error) {
    assert.ok(error instanceof InvalidInput);
    return error.issues;
  }
  assert.fail('nothing was refused');
};

const cases: readonly [name: string, value: unknown, path: string, shown: unknown, expected: string][] = [
  ['not an object', [], '(whole)', [], 'keys and values'],
  ['nothing', undefined, '(whole)', undefined, 'keys and values'],
  ['a key in another case', { Range: 'x' }, 'Range', 'x', 'no such key; did you mean "range"?'],
  [
    'a misspelt key inside a default and a list',
    { machines: [{ instancType: 'a', instanceType: 'b', count: 1 }] },
    'machines[0].instancType',
    'a',
    'no such key; did you mean "instanceType"?',
  ],
  [
    'a misspelt key inside a prefault',
    { options: { encrypted: true, encypted: 1 } },
    'options.encypted',
    1,
    'no such key; did you mean "encrypted"?',
  ],
  [
    'a key that is like no other',
    { options: { encrypted: true, colour: 'red' } },
    'options.colour',
    'red',
    'no such key (is it misspelt?); known: encrypted',
  ],
  [
    'half a number',
    { machines: [{ instanceType: 'a', count: 1.5 }] },
    'machines[0].count',
    1.5,
    'a whole number',
  ],
  ['a missing key', { machines: [{ count: 1 }] }, 'machines[0].instanceType', undefined, 'a string'],
  [
    'too many',
    { machines: [1, 2, 3].map((count) => ({ instanceType: 'a', count })) },
    'machines',
    undefined,
    'at most 2 entries',
  ],
  ['too large', { machines: [{ instanceType: 'a', count: 6 }] }, 'machines[0].count', 6, 'at most 5'],
  ['no range', { range: '10.0.0/8' }, 'range', '10.0.0/8', 'an IPv4 range, e.g. "10.0.0.0/16"'],
  ['no choice', { mode: 'three' }, 'mode', 'three', '"one" or "two"'],
  ['none of the types', { size: true }, 'size', true, 'a string or a number'],
  ['text for a yes or no', { options: { encrypted: 'yes' } }, 'options.encrypted', 'yes', 'true or false'],
  ['a bad key of a map', { labels: { A: 'x' } }, 'labels.A', 'x', 'a key that is lower-case letters'],
  ["the schema's own words", { name: 'abc' }, 'name', 'abc', 'a word that begins with z'],
];

for (const [name, value, path, shown, expected] of cases) {
  test(`parse() names path, value and expectation of ${name}`, () => {
    const issue = issuesOf(value).find((each) => each.path === path);
    assert.ok(issue, `${path} among ${JSON.stringify(issuesOf(value))}`);
    assert.equal(issue.expected, expected);
    if (shown !== undefined) assert.deepEqual(issue.value, shown);
  });
}

test('parse() explains the alternative of a union that was meant', () => {
  const issues = issuesOf({ place: { folder: 7 } });
  assert.deepEqual(issues, [{ path: 'place.folder', value: 7, expected: 'a string' }]);
});

test('parse() survives null on the way to a wrong value', () => {
  assert.deepEqual(issuesOf({ options: null }), [
    { path: 'options', value: null, expected: 'keys and values' },
  ]);
});

test('nearestWord() finds a slip and invents nothing', () => {
  const words = ['podCidr', 'serviceCidr', 'nat', 'count'];
  assert.equal(nearestWord('podcidr', words), 'podCidr');
  assert.equal(nearestWord('servicesCidr', words), 'serviceCidr');
  assert.equal(nearestWord('cuont', words), 'count');
  assert.equal(nearestWord('ant', words), 'nat');
  assert.equal(nearestWord('colour', words), undefined);
});
