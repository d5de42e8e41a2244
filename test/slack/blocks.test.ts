import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from '../../clients/slack/blocks.ts';
import type { View } from '../../clients/slack/blocks.ts';
import { threadOf } from '../../clients/slack/thread.ts';
import type { Explanation, StepView } from '../../domain/explain.ts';
import { labelsOf } from './stand-in.ts';
import type { Posted } from './stand-in.ts';

const at = '2030-01-01T00:00:00.000Z';
const said: Explanation = {
  operation: 'remove-zone03-worker-1',
  type: 'NodeRemove',
  actor: 'alice@example.com',
  reason: '',
  state: 'blocked',
  headline: 'asks: what now?',
  waits: [],
  question: {
    id: 'drain-1',
    text: 'what now?',
    choices: ['wait', 'skip-budgets', 'abort'],
    default: 'abort',
    askedAt: at,
    deadline: at,
  },
  youCan: ['decide wait', 'decide skip-budgets', 'decide abort', 'abort'],
  decisions: [],
};
const view = (change: Partial<Explanation>, progress?: View['progress']): View => ({
  explanation: { ...said, ...change },
  progress,
  startedAt: at,
});
const drawn = (one: View) => messageOf(one) as unknown as Pick<Posted, 'blocks' | 'text'>;

test('one button for each thing that can be done, none twice under one name', () => {
  assert.deepEqual(labelsOf(drawn(view({}))), ['Wait', 'Skip budgets', 'Abort']);
  assert.deepEqual(labelsOf(drawn(view({ question: undefined as never, youCan: ['pause', 'abort'] }))), [
    'Pause',
    'Abort',
  ]);
  assert.deepEqual(labelsOf(drawn({ ...view({}), endedAt: at })), []);
});

test('what others wrote mentions nobody, and is cut where Slack would refuse it', () => {
  const text = `<!channel> & \`\`\` ${'x'.repeat(9_000)}`;
  const steps: StepView[] = Array.from({ length: 300 }, (_, n) => ({
    step: `group${n}/step`,
    summary: text,
    state: 'failed',
    startedAt: at,
    endedAt: at,
    error: text,
  }));
  const question = { ...said.question, text } as NonNullable<Explanation['question']>;
  const progress = { state: 'blocked' as const, startedAt: at, steps };
  const { blocks, text: short } = drawn(view({ reason: text, headline: text, question }, progress));
  const whole = JSON.stringify(blocks);
  assert.ok(!whole.includes('<!channel>'));
  assert.ok(blocks.length <= 50 && short.length <= 4_000);
  for (const { text: inner } of blocks as unknown as { text?: { text: string } }[]) {
    assert.ok((inner?.text.length ?? 0) <= 3_000);
    // A code block ends where it should, and nowhere before.
    assert.equal((inner?.text.split('```').length ?? 1) % 2, 1);
  }
  for (const line of threadOf(said, progress, at))
    assert.ok(line.text.length <= 4_000, String(line.text.length));
});

test('a message does not change because time passes', async () => {
  const steps: StepView[] = [{ step: 'drain', summary: 'draining', state: 'running', startedAt: at }];
  const one = view({}, { state: 'running', startedAt: at, steps });
  const before = JSON.stringify(messageOf(one));
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  assert.equal(JSON.stringify(messageOf(one)), before);
});
