import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ToyOperations } from '../cli/toy-operations.ts';
import { eventually } from '../workflows/frame.ts';
import { killBots, startBot } from './bot-process.ts';
import type { BotProcess } from './bot-process.ts';
import { CHANNEL, SlackStandIn, labelsOf } from './stand-in.ts';

const folder = mkdtempSync(join(tmpdir(), 'zonewright-slack-serve-'));

let toys: ToyOperations;
let slack: SlackStandIn;
before(async () => {
  [toys, slack] = await Promise.all([ToyOperations.open(), SlackStandIn.open()]);
  const policy = { channel: CHANNEL, rules: [{ users: ['U0ALICE'], decide: ['*'] }] };
  writeFileSync(join(folder, 'policy.yaml'), JSON.stringify(policy));
  writeFileSync(join(folder, 'token'), `${slack.token}\n`);
  writeFileSync(join(folder, 'secret'), slack.signingSecret);
});
after(async () => {
  killBots();
  await Promise.all([toys.close(), slack.close()]);
  rmSync(folder, { recursive: true });
});

const serve = (more: Record<string, string> = {}): Promise<BotProcess> =>
  startBot(slack, {
    ...toys.env,
    SLACK_BOT_TOKEN_FILE: join(folder, 'token'),
    SLACK_SIGNING_SECRET_FILE: join(folder, 'secret'),
    ZONEWRIGHT_SLACK_POLICY: join(folder, 'policy.yaml'),
    ...more,
  });

test('a bot that is killed goes on, when it is started again, with the message that there is', async () => {
  const first = await serve();
  const health = await fetch(`${slack.botUrl}/healthz`);
  assert.equal(health.status, 200);
  const run = await toys.start({ approval: true });
  await eventually(
    () => slack.board.map(labelsOf).flat(),
    (labels) => labels.includes('Approve'),
  );
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  await run.handle.executeUpdate('decide', {
    args: [{ actor: 'carol', reason: '', question: 'approve', choice: 'approve' }],
  });
  await run.handle.result();
  const second = await serve();
  const [message, ...others] = slack.board;
  await eventually(
    () => message?.metadata?.event_payload['ended'],
    (ended) => ended === true,
  );
  assert.deepEqual(others, []);
  second.child.kill('SIGTERM');
  const [code] = (await once(second.child, 'exit')) as [number];
  assert.equal(code, 0);
  for (const { said } of [first, second]) {
    assert.ok(!said().includes(slack.token) && !said().includes(slack.signingSecret));
  }
});

test('a token that Slack does not take ends it with 2, and is not repeated', async () => {
  const { child, said } = await serve({ SLACK_BOT_TOKEN_FILE: '', SLACK_BOT_TOKEN: 'xoxb-wrong-token' });
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 2, said());
  assert.match(
    said(),
    /error: Cannot use channel "C0OPERATIONS" of Slack\n {2}expected: a token that Slack takes.*\n {2}because: .*invalid_auth/s,
  );
  assert.ok(!said().includes('xoxb-wrong-token'));
});
