import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { zonewright } from './cli.ts';

async function script(shell: string): Promise<string> {
  const { code, stdout } = await zonewright(['completion', shell]);
  assert.equal(code, 0);
  return stdout;
}

/** What bash would offer after these words. */
function offered(completions: string, words: readonly string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const program = `${completions}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _zonewright; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', program], { encoding: 'utf8' }).split('\n').filter(Boolean);
}

test('bash completes nouns, verbs and options', async () => {
  const completions = await script('bash');
  assert.deepEqual(offered(completions, ['zonewright', 'sand']), ['sandbox']);
  assert.deepEqual(offered(completions, ['zonewright', 'sandbox', 's']), ['status']);
  assert.deepEqual(offered(completions, ['zonewright', 'sandbox', 'reset', '--y']), ['--yes']);
  assert.deepEqual(offered(completions, ['zonewright', 'sandbox', '--json', 'res']), ['reset']);
});

test('bash offers files where a command takes one', async () => {
  const completions = await script('bash');
  assert.ok(offered(completions, ['zonewright', 'context', 'use', 'package.js']).includes('package.json'));
});

test('zsh and fish scripts know every verb', async () => {
  const [zsh, fish] = await Promise.all([script('zsh'), script('fish')]);
  for (const verb of ['up', 'down', 'status', 'reset']) {
    assert.match(zsh, new RegExp(`'sandbox'\\) .*'${verb}:`));
    assert.match(fish, new RegExp(`"sandbox"' -a ${verb} -d`));
  }
  assert.match(zsh, /^#compdef zonewright/);
});

test('another shell is refused with those that are known', async () => {
  const { code, stderr } = await zonewright(['completion', 'tcsh']);
  assert.equal(code, 2);
  assert.match(stderr, /Allowed choices are bash, zsh, fish/);
});
