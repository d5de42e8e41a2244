import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operationIdOf } from '../../domain/operations.ts';

test('two runs of one workflow id that began at the same moment are two operations', () => {
  // As the server gives them: the time in front, chance behind.
  const runs = ['01a1feb2-64c5-7d3e-9b4f-0123456789ab', '01a1feb2-9f01-7c55-8aa2-fedcba987654'];
  const [one, other] = runs.map((run) => operationIdOf('join-zone03-worker-2', run));
  assert.equal(one, 'join-zone03-worker-2.456789ab');
  assert.notEqual(one, other);
});
