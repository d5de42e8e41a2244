import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Explanation } from '../../domain/explain.ts';
import { asked, eventually, explain, explained } from '../workflows/frame.ts';
import { ALICE, GROUP_MEMBER, Laboratory, STARTER, STRANGER } from './laboratory.ts';
import { buttonOf, labelsOf } from './stand-in.ts';
import type { Posted } from './stand-in.ts';

let lab: Laboratory;
before(async () => {
  lab = await Laboratory.open();
});
after(() => lab.close());

const text = (message: Pick<Posted, 'blocks'> | Record<string, unknown>): string =>
  JSON.stringify(message['blocks']);
const asksSomething = (message: Posted): boolean => labelsOf(message).includes('Approve');
const hasEnded = (message: Posted): boolean => message.metadata?.event_payload['ended'] === true;

test('one message for an operation: its steps, its question, its end, updated in place; the rest in its thread', async () => {
  const run = await lab.toy({ zone: 'zone03.toy', approval: true, reason: 'first <zone>' });
  const message = await lab.message(run.workflowId, asksSomething);
  assert.deepEqual(labelsOf(message), ['Approve', 'Reject', 'Abort']);
  assert.match(text(message), /Make the toy zone\?/);
  assert.match(text(message), /started by alice .*: first &lt;zone&gt;/);
  assert.match(
    text(message),
    /https:\/\/temporal\.example\.com\/namespaces\/default\/workflows\/ToyZone-\d+\//,
  );
  assert.equal(await lab.slack.click(buttonOf(message, 'Approve'), { user: GROUP_MEMBER }), 200);
  const answer = await lab.saidTo(async () => {
    await eventually(
      () => lab.slack.views.length,
      (count) => count > 0,
    );
    return lab.slack.submit('looks right', { user: GROUP_MEMBER });
  });
  assert.deepEqual(answer, { user: GROUP_MEMBER, text: 'decided: approve' });
  await run.handle.result();
  const ended = await lab.message(run.workflowId, hasEnded);
  assert.equal(ended.ts, message.ts);
  assert.deepEqual(labelsOf(ended), []);
  assert.match(text(ended), /✓ machine {2}launching machine toy/);
  const thread = lab.slack.threadOf(ended).map((line) => line.text);
  assert.equal(thread.length, 3, thread.join('\n'));
  assert.match(thread[0] ?? '', /^:question: Make the toy zone\?/);
  assert.match(thread[1] ?? '', /^:ballot_box_with_check: <@U0BOB> decided `approve`: looks right$/);
  assert.match(thread[2] ?? '', /^:white_check_mark: done/);
  const [decision] = (await explain(run)).decisions;
  assert.deepEqual([decision?.actor, decision?.actorName], ['slack:U0BOB', 'bob']);
});

test('nothing is sent while nothing changes', async () => {
  const run = await lab.toy({ approval: true });
  const message = await lab.message(run.workflowId, asksSomething);
  await eventually(
    () => lab.slack.threadOf(message).length,
    (count) => count === 1,
  );
  const { length } = lab.slack.calls;
  const { updates } = message;
  await new Promise((resolve) => setTimeout(resolve, 1_000)); // ten looks
  assert.deepEqual(lab.slack.calls.slice(length), []);
  assert.equal(message.updates, updates);
  await run.handle.terminate('no more');
  const ended = await lab.message(run.workflowId, hasEnded);
  assert.match(lab.slack.threadOf(ended).at(-1)?.text ?? '', /^:x: failed .*no more/s);
});

test('a failed step is in the thread with its error, whole', async () => {
  const run = await lab.toy({ zone: 'zone05.toy' }, (cloud) =>
    cloud.fail('role.create role', { type: 'CloudRefused', retryable: false }),
  );
  const message = await lab.message(run.workflowId, (one) => labelsOf(one).includes('Retry'));
  await eventually(
    () => lab.slack.threadOf(message).map((line) => line.text),
    (lines) =>
      lines.some((line) => /^:x: `role` failed .*```role\.create role: CloudRefused```$/s.test(line)),
  );
  run.cloud.heal('role.create role');
  await lab.slack.click(buttonOf(message, 'Retry'));
  await eventually(
    () => lab.slack.views.at(-1)?.private_metadata ?? '',
    (form) => form.includes('retry'),
  );
  await lab.slack.submit('it was the quota');
  await run.handle.result();
  await lab.message(run.workflowId, hasEnded);
});

test('pause and resume by button', async () => {
  const run = await lab.toy({ wait: { giveUpMs: 600_000 } }, (cloud) =>
    cloud.fail('toy.settled', { type: 'NotYet', retryable: true, nextDelayMs: 100 }),
  );
  const press = async (label: string, reason: string): Promise<string> => {
    const message = await lab.message(run.workflowId, (one) => labelsOf(one).includes(label));
    const { length } = lab.slack.views;
    await lab.slack.click(buttonOf(message, label));
    await eventually(
      () => lab.slack.views.length,
      (count) => count > length,
    );
    return (await lab.saidTo(() => lab.slack.submit(reason))).text;
  };
  const waits = (one: Posted): boolean => /waits for \*the toy to settle\*/.test(text(one));
  // Paused any earlier, it would not begin to wait.
  await lab.message(run.workflowId, waits);
  assert.equal(await press('Pause', 'lunch'), 'paused before its next step');
  assert.equal((await explain(run)).paused?.byName, 'alice');
  await lab.message(run.workflowId, (one) => text(one).includes('paused by <@U0ALICE>') && waits(one));
  assert.equal(await press('Resume', ''), 'resumed');
  await run.handle.terminate();
});

test('abort by button; what makes no sense then is refused to the one who asked', async () => {
  const run = await lab.toy({ approval: true });
  await asked(run);
  const message = await lab.message(run.workflowId, asksSomething);
  const [abort, approve] = [buttonOf(message, 'Abort'), buttonOf(message, 'Approve')];
  await lab.slack.click(abort);
  await eventually(
    () => lab.slack.views.at(-1)?.private_metadata ?? '',
    (form) => form.includes('"abort"'),
  );
  const form = lab.slack.views.at(-1);
  const answer = await lab.saidTo(() => lab.slack.submit('wrong zone', {}, form));
  assert.match(answer.text, /^aborting/);
  await assert.rejects(run.handle.result());
  const { decisions } = await explain(run);
  assert.deepEqual(
    decisions.map(({ choice, reason, actor }) => [choice, reason, actor]),
    [['abort', 'wrong zone', 'slack:U0ALICE']],
  );
  // The same form once more, and an answer to the question that is closed by now.
  assert.equal(await lab.slack.submit('wrong zone', { retry: 1 }, form), 200);
  await lab.slack.click(approve);
  await eventually(
    () => lab.slack.views.at(-1)?.private_metadata ?? '',
    (one) => one.includes('approve') && one.includes(run.workflowId),
  );
  const late = await lab.saidTo(() => lab.slack.submit('too late'));
  assert.match(late.text, /^:no_entry: Cannot decide "ToyZone-\d+": it has ended/);
  assert.equal((await explain(run)).decisions.length, 1);
});

test('an answer to a question that another has answered is refused with who did', async () => {
  const run = await lab.toy({ approval: true, look: true }, (cloud) =>
    cloud.fail('toy.look', { type: 'CloudRefused', retryable: false }),
  );
  const message = await lab.message(run.workflowId, asksSomething);
  await lab.slack.click(buttonOf(message, 'Approve'));
  await eventually(
    () => lab.slack.views.at(-1)?.private_metadata ?? '',
    (one) => one.includes(run.workflowId),
  );
  await run.handle.executeUpdate('decide', {
    args: [{ actor: 'carol', reason: '', question: 'approve', choice: 'approve' }],
  });
  const late = await lab.saidTo(() => lab.slack.submit('me too'));
  assert.match(late.text, /Cannot decide "approve": carol has decided "approve" already/);
  await run.handle.terminate();
});

test('who is not in the policy may neither start nor decide nor look', async () => {
  const run = await lab.toy({ approval: true });
  const message = await lab.message(run.workflowId, asksSomething);
  const forms = lab.slack.views.length;
  for (const user of [STRANGER, STARTER]) {
    const answer = await lab.answerTo(() => lab.slack.click(buttonOf(message, 'Approve'), { user }));
    assert.equal(answer['response_type'], 'ephemeral');
    assert.match(
      String(answer['text']),
      /^:no_entry: You may not decide about ToyZone from Slack\nexpected: a rule .*U0/,
    );
  }
  assert.equal(lab.slack.views.length, forms);
  const start = await lab.answerTo(() => lab.slack.command('toy make zone66', { user: STRANGER }));
  assert.match(String(start['text']), /You may not start ToyZone from Slack/);
  for (const words of ['list', `explain ${run.workflowId}`]) {
    const look = await lab.answerTo(() => lab.slack.command(words, { user: STRANGER }));
    assert.match(String(look['text']), /You may not ask zonewright from Slack/);
  }
  // A form that was opened by somebody who may, sent by somebody who may not.
  await lab.slack.click(buttonOf(message, 'Approve'), { user: ALICE });
  await eventually(
    () => lab.slack.views.length,
    (count) => count > forms,
  );
  const sent = await lab.saidTo(() => lab.slack.submit('let me', { user: STRANGER }));
  assert.match(sent.text, /You may not decide/);
  assert.deepEqual((await explain(run)).decisions, []);
  await run.handle.terminate();
});

test('explain and list say what the command line says', async () => {
  const run = await lab.toy({ approval: true, zone: 'zone07.toy' });
  await asked(run);
  const answer = await lab.answerTo(() => lab.slack.command(`explain ${run.workflowId}`));
  assert.equal(answer['response_type'], 'ephemeral');
  assert.match(text(answer), /\*ToyZone\* `ToyZone-\d+` in \*zone07\.toy\*: \*blocked\*/);
  const list = await lab.answerTo(() => lab.slack.command('list'));
  assert.match(
    text(list),
    new RegExp(`\\*blocked\\* ToyZone \`${run.workflowId}\` asks: Make the toy zone\\?`),
  );
  const unknown = await lab.answerTo(() => lab.slack.command('explain nothing-like-it'));
  assert.match(String(unknown['text']), /Cannot find operation "nothing-like-it"/);
  const bad = await lab.answerTo(() => lab.slack.command('toy break zone01'));
  assert.match(
    String(bad['text']),
    /There is no command "toy break" in Slack\nexpected: "toy make", or "help"/,
  );
  const few = await lab.answerTo(() => lab.slack.command('toy make'));
  assert.match(String(few['text']), /expected: \/zonewright toy make &lt;zone&gt; \[--reason/);
  await run.handle.terminate();
});

test('a start: the plan first, then one operation, however often the click arrives', async () => {
  const planned = await lab.answerTo(() => lab.slack.command('toy make zone21 --reason “a new zone”'));
  assert.equal(planned['response_type'], 'ephemeral');
  assert.match(text(planned), /Make zone21\?.*a toy zone/);
  assert.deepEqual(lab.starts, []);
  const start = buttonOf(planned as unknown as Posted, 'Start');
  const trigger = 'trigger-of-one-click';
  const statuses = await Promise.all([
    lab.slack.click(start, { trigger }),
    lab.slack.click(start, { trigger, retry: 1 }),
    lab.slack.click(start),
  ]);
  assert.deepEqual(statuses, [200, 200, 200]);
  const handle = lab.frame.env.client.workflow.getHandle('make-zone21');
  await eventually(
    () => lab.starts.length,
    (count) => count > 0,
  );
  await eventually(
    () =>
      handle.describe().then(
        ({ status }) => status.name,
        () => '',
      ),
    (status) => status === 'COMPLETED',
  );
  // Once more when it has ended, and to a bot that knows nothing of the first.
  const { runId } = await handle.describe();
  await lab.stopBot();
  await lab.startBot();
  const again = await lab.answerTo(() => lab.slack.click(start, { trigger, retry: 2 }));
  assert.match(String(again['text']), /^Started `make-zone21`/);
  assert.equal((await handle.describe()).runId, runId);
  assert.deepEqual(lab.starts, ['make-zone21']);
  const said = await handle.query<Explanation>('explain');
  assert.deepEqual([said.actor, said.actorName, said.reason], ['slack:U0ALICE', 'alice', 'a new zone']);
  const message = await lab.message('make-zone21', hasEnded);
  assert.match(text(message), /started by <@U0ALICE>/);
});

test('a command that is delivered twice is answered once', async () => {
  const { length } = lab.slack.responses;
  const trigger = 'trigger-of-one-command';
  await lab.answerTo(async () => {
    await Promise.all([0, 1, 2].map((retry) => lab.slack.command('list', { trigger, retry })));
    return 200;
  });
  await lab.answerTo(() => lab.slack.command('help'));
  assert.equal(lab.slack.responses.length, length + 2);
});

test('a plan that has changed since it was shown is shown again instead of started', async () => {
  const planned = await lab.answerTo(() => lab.slack.command('toy make zone22'));
  lab.plan = 'a toy zone with one more machine';
  const answer = await lab.answerTo(() => lab.slack.click(buttonOf(planned as unknown as Posted, 'Start')));
  assert.match(text(answer), /The plan has changed.*one more machine/);
  await assert.rejects(lab.frame.env.client.workflow.getHandle('make-zone22').describe());
});

test('a wrong, missing or old signature is 401, and nothing happens', async () => {
  const run = await lab.toy({ approval: true });
  const message = await lab.message(run.workflowId, asksSomething);
  const { responses, views } = lab.slack;
  const seen = [responses.length, views.length];
  const good = '0'.repeat(64);
  for (const how of [
    { secret: 'another secret' },
    { signature: null },
    { signature: `v0=${good}` },
    { signature: 'v1=abc' },
    { signature: '' },
    { ageSeconds: 301 },
    { ageSeconds: 86_400 },
  ]) {
    assert.equal(await lab.slack.command('list', how), 401, JSON.stringify(how));
    assert.equal(await lab.slack.click(buttonOf(message, 'Approve'), how), 401, JSON.stringify(how));
  }
  assert.equal(await lab.slack.send('command=%2Fzonewright&text=list', { signature: null }), 401);
  await lab.answerTo(() => lab.slack.command('help', { ageSeconds: 200 }));
  assert.deepEqual([lab.slack.responses.length, lab.slack.views.length], [(seen[0] ?? 0) + 1, seen[1]]);
  assert.equal((await explain(run)).question?.id, 'approve');
  await run.handle.terminate();
});

test('after a restart the bot goes on with the messages that there are, also of what ended meanwhile', async () => {
  const asking = await lab.toy({ approval: true });
  const ending = await lab.toy({ approval: true });
  await lab.message(asking.workflowId, asksSomething);
  const open = await lab.message(ending.workflowId, asksSomething);
  await eventually(
    () => lab.slack.threadOf(open).length,
    (count) => count === 1,
  );
  await lab.stopBot();
  const { length } = lab.slack.board;
  await ending.handle.executeUpdate('decide', {
    args: [{ actor: 'carol', reason: '', question: 'approve', choice: 'approve' }],
  });
  await ending.handle.result();
  await lab.startBot();
  const ended = await lab.message(ending.workflowId, hasEnded);
  assert.equal(ended.ts, open.ts);
  assert.equal(lab.slack.board.length, length);
  assert.equal(lab.slack.threadOf(ended).filter(({ text: line }) => line.startsWith(':question:')).length, 1);
  await asking.handle.terminate();
});

test('a post whose answer was lost is found again, not repeated', async () => {
  lab.slack.lost.add('chat.postMessage');
  const run = await lab.toy({ approval: true });
  await lab.message(run.workflowId, asksSomething);
  await eventually(
    () => lab.slack.lost.size,
    (size) => size === 0,
  );
  await explained(run, ({ question }) => question !== undefined);
  const message = await lab.message(run.workflowId, (one) => lab.slack.threadOf(one).length === 1);
  const mine = lab.slack.board.filter(({ metadata }) => metadata?.event_payload['id'] === run.workflowId);
  assert.deepEqual(mine, [message]);
  await run.handle.terminate();
});

test('a rate limit is waited out, and what is sent then is the latest', async () => {
  const run = await lab.toy({ approval: true });
  const message = await lab.message(run.workflowId, asksSomething);
  lab.slack.limits.set('chat.update', 2);
  const began = performance.now();
  await run.handle.executeUpdate('pause', { args: [{ actor: 'carol', reason: 'lunch' }] });
  await lab.message(run.workflowId, (one) => text(one).includes('paused by'));
  assert.ok(performance.now() - began >= 1_900);
  assert.equal(lab.slack.limits.size, 0);
  await run.handle.terminate();
  await lab.message(run.workflowId, hasEnded);
  assert.equal(lab.slack.board.filter(({ ts }) => ts === message.ts).length, 1);
});

test('what a schedule started is told of only when it needs somebody', async () => {
  const quiet = await lab.toy({ actor: 'schedule:nightly' });
  await quiet.handle.result();
  const loud = await lab.toy({ actor: 'schedule:nightly' }, (cloud) =>
    cloud.fail('role.create role', { type: 'CloudRefused', retryable: false }),
  );
  await assert.rejects(loud.handle.result());
  await lab.message(loud.workflowId, hasEnded);
  assert.equal(
    lab.slack.board.filter(({ metadata }) => metadata?.event_payload['id'] === quiet.workflowId).length,
    0,
  );
});

test('no line that the bot logs holds a secret', () => {
  const all = lab.logged.join('\n');
  for (const secret of [lab.slack.token, lab.slack.signingSecret]) assert.ok(!all.includes(secret));
});
