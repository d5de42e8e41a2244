import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUEUES } from '../../domain/operations.ts';
import { kinds, PKI_KINDS, ZONE_KINDS, type Kind } from '../../domain/resources/index.ts';
import { queueOf } from '../../workflows/queues.ts';

test('each kind is placed where what it may touch can be reached', () => {
  for (const kind of PKI_KINDS) assert.equal(queueOf(kind, 'zone03'), QUEUES.pki);
  for (const kind of ZONE_KINDS) assert.equal(queueOf(kind, 'zone03'), 'zonewright-zone-zone03');
  const special: readonly Kind[] = [...PKI_KINDS, ...ZONE_KINDS];
  const others = kinds.filter((kind) => !special.includes(kind));
  assert.ok(others.includes('vpc'));
  for (const kind of others) assert.equal(queueOf(kind, undefined), QUEUES.aws);
});
