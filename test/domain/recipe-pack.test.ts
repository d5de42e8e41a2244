import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { packRecipe } from '../../clients/recipes/pack.ts';
import { InvalidInput } from '../../domain/errors.ts';

const home = mkdtempSync(join(tmpdir(), 'zonewright-recipe-'));
after(() => rmSync(home, { recursive: true }));

const RECIPE = `
name: web
instanceType: t3.small
files:
  - {to: /usr/local/bin/tool, tool: tool}
  - {to: /etc/web, path: files}
  - {to: /etc/secret, path: files/a.conf, mode: "0600"}
units: [{path: units/web.service, enable: true}]
install: install.sh
`;

let count = 0;
let folder = '';
let options = { resolveTool: async (name: string) => join(folder, name), cache: '' };

/** The same recipe folder, somewhere else and checked out by somebody else. */
function makeFolder(yaml = RECIPE, umask = 0): string {
  const made = join(home, `folder${(count += 1)}`);
  for (const sub of ['files/deep', 'units']) mkdirSync(join(made, sub), { recursive: true });
  const put = (path: string, text: string, mode: number): void => {
    writeFileSync(join(made, path), text);
    chmodSync(join(made, path), mode & ~umask);
  };
  put('recipe.yaml', yaml, 0o644);
  put('files/a.conf', 'a=1\n', 0o664);
  put('files/deep/run', '#!/bin/sh\n', 0o775);
  put('units/web.service', '[Service]\nExecStart=/bin/true\n', 0o644);
  put('install.sh', '#!/bin/sh\n', 0o644);
  put('tool', 'binary', 0o755);
  return made;
}

beforeEach(() => {
  folder = makeFolder();
  options = { ...options, cache: join(home, `cache${count}`) };
});

test('packRecipe() gives the same bytes for the same folder, elsewhere and on another day', async () => {
  const first = await packRecipe(folder, options);
  const bytes = readFileSync(first.archivePath);
  const again = makeFolder(RECIPE, 0o22);
  utimesSync(join(again, 'files/a.conf'), 1, 1);
  const second = await packRecipe(again, { ...options, cache: join(home, 'other-cache') });
  assert.equal(second.digest, first.digest);
  assert.equal(second.archiveSha256, first.archiveSha256);
  assert.ok(readFileSync(second.archivePath).equals(bytes));
  assert.equal(createHash('sha256').update(bytes).digest('hex'), first.archiveSha256);
});

test('the archive holds what the machine needs, owned by nobody in particular', async () => {
  const { archivePath } = await packRecipe(folder, options);
  const listing = execFileSync('tar', ['--full-time', '--numeric-owner', '--utc', '-tvzf', archivePath], {
    encoding: 'utf8',
  });
  const lines = listing
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/));
  assert.deepEqual(
    lines.map(([mode, , , , , path]) => [mode, path]),
    [
      ['-rwxr-xr-x', 'install.sh'],
      ['-rw-r--r--', 'recipe.json'],
      ['-rw-------', 'root/etc/secret'],
      ['-rw-r--r--', 'root/etc/web/a.conf'],
      ['-rwxr-xr-x', 'root/etc/web/deep/run'],
      ['-rwxr-xr-x', 'root/usr/local/bin/tool'],
      ['-rw-r--r--', 'units/web.service'],
    ],
  );
  assert.ok(lines.every(([, owner, , day]) => owner === '0/0' && day === '1970-01-01'));
});

test('every change of contents, mode or recipe changes the digest', async () => {
  const digests = new Set([(await packRecipe(folder, options)).digest]);
  writeFileSync(join(folder, 'files/a.conf'), 'a=2\n');
  digests.add((await packRecipe(folder, options)).digest);
  chmodSync(join(folder, 'files/a.conf'), 0o755);
  digests.add((await packRecipe(folder, options)).digest);
  writeFileSync(join(folder, 'recipe.yaml'), `${RECIPE}packages: [curl]\n`);
  digests.add((await packRecipe(folder, options)).digest);
  assert.equal(digests.size, 4);
});

test('packing again does not pack again, unless the archive was damaged', async () => {
  const { archivePath } = await packRecipe(folder, options);
  const whole = readFileSync(archivePath);
  utimesSync(archivePath, 1, 1);
  await packRecipe(folder, options);
  assert.equal(execFileSync('stat', ['-c', '%Y', archivePath], { encoding: 'utf8' }).trim(), '1');
  writeFileSync(archivePath, whole.subarray(0, 10));
  await packRecipe(folder, options);
  assert.ok(readFileSync(archivePath).equals(whole));
});

async function refused(yaml: string, path: string, expected: RegExp): Promise<void> {
  await assert.rejects(packRecipe(makeFolder(yaml), options), (error) => {
    assert.ok(error instanceof InvalidInput, String(error));
    assert.equal(error.issues[0]?.path, path);
    assert.match(error.issues[0]?.expected ?? '', expected);
    return true;
  });
}

const HEAD = 'name: web\ninstanceType: t3.small\n';

test('missing files are refused by their path', async () => {
  await refused(`${HEAD}files: [{to: /x, path: nothing}]`, 'files[0].path', /that exists/);
  await refused(`${HEAD}units: [{path: units/none.service}]`, 'units[0].path', /that exists/);
  await refused(`${HEAD}install: none.sh`, 'install', /that exists/);
  await assert.rejects(packRecipe(home, options), /recipe\.yaml: \(missing\) — expected a file/);
});

test('a link that leads out of the folder is refused', async () => {
  const made = makeFolder(`${HEAD}files: [{to: /x, path: link}]`);
  symlinkSync('/etc/passwd', join(made, 'link'));
  await assert.rejects(packRecipe(made, options), /link.*stays inside the recipe folder/);
});

test('two files for one place are refused', async () => {
  await refused(
    `${HEAD}files: [{to: /x, path: tool}, {to: /x, path: install.sh}]`,
    'files',
    /one file there/,
  );
});

test('a file by URL is fetched once, and refused with another checksum', async () => {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.end('fetched');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
    const sha256 = createHash('sha256').update('fetched').digest('hex');
    const made = makeFolder(`${HEAD}files: [{to: /x, url: "${url}", sha256: ${sha256}}]`);
    const { digest } = await packRecipe(made, options);
    assert.equal((await packRecipe(made, options)).digest, digest);
    assert.equal(requests, 1);
    await refused(
      `${HEAD}files: [{to: /x, url: "${url}", sha256: "${'0'.repeat(64)}"}]`,
      'files[0].sha256',
      new RegExp(sha256),
    );
  } finally {
    server.close();
  }
});
