import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  dependenciesOf,
  layersOf,
  output,
  outputsUsed,
  resolveOutputs,
  type PlannedStep,
} from '../../domain/plan.ts';

const vpc = (step: string, after: string[] = []): PlannedStep => ({
  step,
  kind: 'vpc',
  name: step,
  plan: { cidr: '10.0.0.0/24' },
  summary: step,
  after,
});
const subnet = (step: string, of: string): PlannedStep => ({
  step,
  kind: 'subnet',
  name: step,
  plan: { vpcId: output(of), cidr: '10.0.0.0/26', availabilityZone: 'us-east-1a' },
  summary: step,
});
const names = (layers: PlannedStep[][]): string[][] => layers.map((layer) => layer.map((step) => step.step));

test('layersOf() puts each step after what it names and what it uses', () => {
  const steps = [subnet('b', 'a'), vpc('a'), vpc('c', ['b']), subnet('d', 'a')];
  assert.deepEqual(names(layersOf(steps)), [['a'], ['b', 'd'], ['c']]);
});

test('layersOf() takes outputs of an earlier plan as done', () => {
  assert.deepEqual(names(layersOf([subnet('b', 'a')], new Set(['a']))), [['b']]);
});

for (const [what, steps, message] of [
  ['a step named twice', [vpc('a'), vpc('a')], /step "a" is named twice/],
  ['an unknown step', [subnet('b', 'nowhere')], /step "b" needs unknown step "nowhere"/],
  ['a circle', [vpc('a', ['b']), vpc('b', ['a'])], /"a", "b" need each other/],
] as const) {
  test(`layersOf() refuses ${what}`, () => {
    assert.throws(() => layersOf(steps), message);
  });
}

test('outputsUsed() finds outputs at any depth', () => {
  assert.deepEqual(outputsUsed({ a: [output('x')], b: { c: output('y', 'arn') }, d: 1 }), ['x', 'y']);
  assert.deepEqual(dependenciesOf({ ...subnet('s', 'x'), after: ['x', 'z'] }), ['x', 'z']);
});

test('resolveOutputs() replaces outputs and leaves the rest', () => {
  const refs = new Map([['x', { id: 'vpc-1', n: 7 }]]);
  assert.deepEqual(resolveOutputs({ a: output('x'), b: [output('x', 'n'), 'text'], c: null }, refs), {
    a: 'vpc-1',
    b: [7, 'text'],
    c: null,
  });
});

test('resolveOutputs() names the step and field that are missing', () => {
  assert.throws(() => resolveOutputs(output('x', 'arn'), new Map([['x', { id: 'i' }]])), /"arn" of step "x"/);
});
