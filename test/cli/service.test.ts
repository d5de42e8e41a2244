import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { withImages } from '../../clients/services/read-services.ts';
import { InvalidInput } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { servicesSchema } from '../../domain/services/spec.ts';
import { freshPerson, zonewright } from './cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'zonewright-services-'));
const written = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const GOOD = 'web: {containers: [{name: web, image: "web:1", port: 80}]}\n';

suite('zonewright service, before anybody is asked', () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [name, args, message] of [
    [
      'a file that is not there',
      ['plan', 'nowhere.yml'],
      /Cannot use the services\n.*nowhere\.yml" — expected a file that exists/,
    ],
    [
      'a misspelt attribute',
      ['plan', written('a.yml', 'web: {num_instance: 2}\n')],
      /web\.num_instance: 2 — expected no such key; did you mean "num_instances"\?/,
    ],
    [
      'no instances',
      ['apply', written('b.yml', GOOD.replace('{c', '{num_instances: 0, c')), '--yes'],
      /num_instances: 0 — expected "all" or a whole number/,
    ],
    ['a key twice', ['plan', written('c.yml', `${GOOD}${GOOD}`)], /line 2: .* — expected each key once/],
    [
      'a roll to nothing',
      ['roll', 'zone03', 'web', '--yes'],
      /Cannot roll "web": nothing says to what\n {2}expected: --image or --file/,
    ],
    [
      'a service that the file does not have',
      ['roll', 'zone03', 'wbe', '--file', written('d.yml', GOOD)],
      /Cannot find service "wbe"[^]*did you mean "web"\?/,
    ],
    [
      'half a batch',
      ['apply', written('e.yml', GOOD), '--batch', '1.5'],
      /Expected a whole number of at least 1/,
    ],
    [
      'an unknown answer to failures',
      ['apply', written('f.yml', GOOD), '--on-failure', 'pray'],
      /Allowed choices are ask, roll-back, keep/,
    ],
    ['no sandbox', ['list'], /Cannot tell which context to use/],
  ] as const) {
    test(`${name} is refused with exit code 2`, async (t) => {
      const { code, stderr } = await zonewright(['service', ...args], { env: freshPerson(t).env });
      assert.match(stderr, message);
      assert.equal(code, 2);
    });
  }

  test('--image names a container where there are several', () => {
    const file = {
      web: {
        containers: [
          { name: 'app', image: 'app:1', port: 80 },
          { name: 'cache', image: 'cache:1' },
        ],
      },
    };
    const spec = parse(servicesSchema, file, 'test')['web']!;
    const images = withImages('web', spec, ['cache=registry.example.com:5000/cache:2']).containers.map(
      ({ image }) => image,
    );
    assert.deepEqual(images, ['app:1', 'registry.example.com:5000/cache:2']);
    for (const [given, message] of [
      ['cache:2', /<container>=<image>, of the containers app, cache/],
      ['cahce=cache:2', /did you mean "cache"\?/],
      ['app=App', /the name of a container image/],
    ] as const)
      assert.throws(
        () => withImages('web', spec, [given]),
        (error) => error instanceof InvalidInput && message.test(error.message),
      );
  });
});
