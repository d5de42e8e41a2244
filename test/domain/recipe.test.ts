import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalListing } from '../../domain/archive.ts';
import { InvalidInput } from '../../domain/errors.ts';
import { parseRecipe } from '../../domain/recipe.ts';

const minimal = 'name: web\ninstanceType: t3.small\n';

test('a minimal recipe gets its defaults', () => {
  assert.deepEqual(parseRecipe(minimal, 'recipe.yaml'), {
    name: 'web',
    architecture: 'x86_64',
    instanceType: 't3.small',
    options: { encrypted: true, imdsV2Only: true },
    packages: [],
    files: [],
    units: [],
    test: { units: [], commands: [] },
  });
});

const wrong: readonly [name: string, yaml: string, path: string, expected: RegExp][] = [
  ['a misspelt key', 'pakages: [curl]', 'pakages', /did you mean "packages"\?/],
  ['a misspelt key inside', 'test: {comands: []}', 'test.comands', /did you mean "commands"\?/],
  ['a strange key', 'colour: red', 'colour', /no such key/],
  ['a wrong architecture', 'architecture: mips', 'architecture', /"x86_64" or "arm64"/],
  ['a path out of the folder', 'install: ../install.sh', 'install', /inside the recipe folder/],
  [
    'a hidden path out of the folder',
    'units: [{path: a/../../b}]',
    'units[0].path',
    /inside the recipe folder/,
  ],
  ['a relative target', 'files: [{to: etc/x, path: x}]', 'files[0].to', /an absolute path/],
  ['a target with ..', 'files: [{to: /etc/../x, path: x}]', 'files[0].to', /an absolute path/],
  ['no source', 'files: [{to: /x}]', 'files[0]', /exactly one of path, url, tool/],
  ['two sources', 'files: [{to: /x, path: x, tool: etcd}]', 'files[0]', /exactly one of path, url, tool/],
  [
    'a URL without checksum',
    'files: [{to: /x, url: "https://example.com/x"}]',
    'files[0].sha256',
    /sha256 beside url/,
  ],
  ['a number as mode', 'files: [{to: /x, path: x, mode: 0755}]', 'files[0].mode', /string|octal/],
  ['a mode with set-uid', 'files: [{to: /x, path: x, mode: "4755"}]', 'files[0].mode', /octal mode/],
  ['a package with options', 'packages: ["-o=x"]', 'packages[0]', /name of a Debian package/],
];

for (const [name, yaml, path, expected] of wrong) {
  test(`${name} is refused with path, value and expectation`, () => {
    assert.throws(
      () => parseRecipe(minimal + yaml, 'recipe.yaml'),
      (error) => {
        assert.ok(error instanceof InvalidInput);
        const issue = error.issues.find((each) => each.path === path);
        assert.match(issue?.expected ?? `none for ${path}: ${error.message}`, expected);
        return true;
      },
    );
  });
}

test('text that is no YAML is refused with its line', () => {
  assert.throws(() => parseRecipe('name: web\nfiles: [', 'recipe.yaml'), /line \d+/);
});

test('the listing is the same in any order, and differs by path, mode and contents', () => {
  const entry = { path: 'a', mode: 0o644, bytes: 1, sha256: 'aa' };
  const other = { path: 'b', mode: 0o755, bytes: 1, sha256: 'bb' };
  assert.equal(canonicalListing([entry, other]), canonicalListing([other, entry]));
  for (const change of [{ path: 'c' }, { mode: 0o755 }, { sha256: 'cc' }]) {
    assert.notEqual(canonicalListing([{ ...entry, ...change }]), canonicalListing([entry]));
  }
});
