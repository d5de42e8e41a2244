/** What comes with every operation: a way to disturb it, a history that must replay, a page that says how it goes. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { operations, type OperationType } from '../../domain/operations.ts';
import { SCENARIO_TYPES } from '../operations/harness/scenarios.ts';
import { ZONE_ROWS } from '../operations/harness/zone-rows.ts';
import { recordedHistories } from '../replay/histories.ts';

const types = Object.keys(operations) as OperationType[];
const folder = join(import.meta.dirname, '../../docs/operations');
/** Pages; the title of each names the operations that it is about. */
const pages = globSync('*.md', { cwd: folder }).map((file) => readFileSync(join(folder, file), 'utf8'));

test('every operation is disturbed by the harness', () => {
  const disturbed = new Set([
    ...SCENARIO_TYPES,
    ...ZONE_ROWS.flatMap(({ steps }) => steps.map(({ type }) => type)),
  ]);
  assert.deepEqual(
    types.filter((type) => !disturbed.has(type)),
    [],
    'add a row to test/operations/harness/zone-rows.ts',
  );
});

test('every operation has a recorded history that ends well', () => {
  const recorded = new Set(recordedHistories().map(({ name }) => name));
  assert.deepEqual(
    types.filter((type) => !recorded.has(`${type}-completed`)),
    [],
    'record one: node test/replay/record.ts <workflow id>',
  );
});

test('every operation has a page with its states and with what a failure leaves', () => {
  const lacking = types.filter((type) => {
    const about = pages.find((page) => (page.split('\n')[0] ?? '').split(/\W+/).includes(type));
    return about === undefined || !/```mermaid\nstateDiagram/.test(about) || !/fail/i.test(about);
  });
  assert.deepEqual(lacking, [], 'write docs/operations/<name>.md');
});
