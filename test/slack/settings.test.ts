import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { COMMANDS, findCommand } from '../../clients/slack/commands.ts';
import { PATH } from '../../clients/slack/bot.ts';
import { COMMAND } from '../../clients/slack/handlers.ts';
import { policySchema } from '../../clients/slack/policy.ts';
import { slackSettings } from '../../clients/slack/settings.ts';
import { wordsOf } from '../../clients/slack/words.ts';
import { operations } from '../../domain/operations.ts';
import { zonewright } from '../cli/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'zonewright-slack-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const POLICY = file(
  'policy.yaml',
  'channel: C012AB3CD\nrules:\n  - users: [U012AB3CD]\n    start: [BakeAmi]\n',
);
const good = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_SIGNING_SECRET: 's3cret', ZONEWRIGHT_SLACK_POLICY: POLICY };

test('secrets come from variables or from files; without a signing secret there is socket mode', () => {
  assert.deepEqual(slackSettings(good).delivery, { kind: 'http', port: 3000, signingSecret: 's3cret' });
  const fromFiles = slackSettings({
    SLACK_BOT_TOKEN_FILE: file('token', 'xoxb-2\n'),
    SLACK_APP_TOKEN_FILE: file('app', 'xapp-2\n'),
    ZONEWRIGHT_SLACK_POLICY: POLICY,
  });
  assert.equal(fromFiles.botToken, 'xoxb-2');
  assert.deepEqual(fromFiles.delivery, { kind: 'socket', appToken: 'xapp-2' });
});

test('what is missing or wrong is named; no secret is', () => {
  const without = (name: string) => ({ ...good, [name]: undefined });
  assert.throws(() => slackSettings(without('SLACK_BOT_TOKEN')), /SLACK_BOT_TOKEN is not set/);
  assert.throws(() => slackSettings(without('SLACK_SIGNING_SECRET')), /SLACK_SIGNING_SECRET is not set/);
  assert.throws(
    () => slackSettings(without('ZONEWRIGHT_SLACK_POLICY')),
    /ZONEWRIGHT_SLACK_POLICY is not set/,
  );
  assert.throws(
    () => slackSettings({ ...good, ZONEWRIGHT_SLACK_PORT: 'http' }),
    /Cannot listen on port "http"/,
  );
  assert.throws(
    () => slackSettings({ ...good, SLACK_BOT_TOKEN_FILE: '/nowhere' }),
    /Cannot read "\/nowhere"/,
  );
});

test('a policy that lets nobody or somebody unknown do something unknown is refused with its path', () => {
  const cases: [string, RegExp][] = [
    ['channel: "#operations"\nrules: []', /channel.*id of a Slack channel/s],
    ['channel: C012AB3CD', /rules/],
    [
      'channel: C012AB3CD\nrules: [{users: [alice], start: ["*"]}]',
      /rules\[0\]\.users\[0\].*id of a Slack user/s,
    ],
    [
      'channel: C012AB3CD\nrules: [{users: [U012AB3CD], start: [BakeAMI]}]',
      /rules\[0\]\.start\[0\].*BakeAmi/s,
    ],
    ['channel: C012AB3CD\nrules: [{users: [U012AB3CD], approve: ["*"]}]', /approve/],
    ['channel: [', /line 1/],
  ];
  for (const [at, [content, expected]] of cases.entries()) {
    const policy = file(`bad-${at}.yaml`, content);
    assert.throws(() => slackSettings({ ...good, ZONEWRIGHT_SLACK_POLICY: policy }), expected, content);
  }
});

test('"slack serve" says what it needs, and ends with 2', async () => {
  const env = { ZONEWRIGHT_HOME: folder, SLACK_BOT_TOKEN: '', SLACK_BOT_TOKEN_FILE: '' };
  const { code, stderr } = await zonewright(['slack', 'serve'], { env });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^error: Cannot start the Slack bot: SLACK_BOT_TOKEN is not set\n {2}expected: the token/,
  );
});

test('words are parted as they were meant, whatever Slack makes of quotes and hyphens', () => {
  const { words, options } = wordsOf('node remove zone03 worker-2 —reason “it’s old” --force');
  assert.deepEqual(words, ['node', 'remove', 'zone03', 'worker-2']);
  assert.deepEqual(
    [...options],
    [
      ['reason', "it's old"],
      ['force', 'true'],
    ],
  );
  assert.deepEqual([...wordsOf(`a "b \\"c\\"" 'd e' --n=1`).words], ['a', 'b "c"', 'd e']);
  assert.throws(() => wordsOf('list "never closed'), /its quote is never closed/);
});

test('every command names a type of operation that a person may start, and knows its own options only', () => {
  for (const { name, type } of COMMANDS) {
    assert.ok(type in operations, name);
    assert.ok(
      (operations[type as keyof typeof operations].startedBy as readonly string[]).includes('person'),
      name,
    );
  }
  const find = (text: string) => findCommand(COMMANDS, wordsOf(text));
  assert.deepEqual(find('image bake zone --reason x').args, ['zone']);
  assert.throws(() => find('image bake'), /0 words follow "image bake"/);
  assert.throws(() => find('image bake a b'), /2 words follow "image bake"/);
  assert.throws(() => find('image bake a --source x'), /knows no option "--source"/);
});

const root = join(import.meta.dirname, '../..');

test('the manifest of the app asks for what the bot uses, and the example of a policy is one', () => {
  const page = readFileSync(join(root, 'docs/slack.md'), 'utf8');
  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => parse(text) as unknown);
  const [manifest, policy] = blocks as [
    {
      oauth_config: { scopes: { bot: string[] } };
      features: { slash_commands: { command: string; url: string }[] };
      settings: { interactivity: { request_url: string } };
    },
    unknown,
  ];
  assert.deepEqual(manifest.oauth_config.scopes.bot.toSorted(), [...new Set(SCOPES.values())].toSorted());
  const [command] = manifest.features.slash_commands;
  assert.equal(command?.command, COMMAND);
  for (const url of [command?.url, manifest.settings.interactivity.request_url])
    assert.ok(url?.endsWith(PATH), url);
  assert.ok(policySchema.parse(policy).rules.length > 0);
  const code = ['board', 'bot', 'channel', 'handlers', 'memory', 'permissions'].map((name) =>
    readFileSync(join(root, `clients/slack/${name}.ts`), 'utf8'),
  );
  const used = new Set(
    code.join('\n').match(/(?<=(?:slack|client)\.)(?:chat|conversations|usergroups\.users)\.\w+/g),
  );
  for (const method of used) assert.ok(SCOPES.has(method), method);
});

/** Scopes that Slack asks for, by method; the last is the slash command's. */
const SCOPES = new Map([
  ['chat.postMessage', 'chat:write'],
  ['chat.update', 'chat:write'],
  ['chat.postEphemeral', 'chat:write'],
  ['conversations.history', 'channels:history'],
  ['conversations.replies', 'groups:history'],
  ['usergroups.users.list', 'usergroups:read'],
  ['/zonewright', 'commands'],
]);
