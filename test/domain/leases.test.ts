import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isHigher } from '../../domain/keeper/fence.ts';
import {
  admit,
  caughtUp,
  highestFence,
  newBook,
  without,
  type AdmissionRequest,
  type LeaseBook,
} from '../../domain/keeper/leases.ts';

const AT = '2026-01-01T12:00:00.000Z';
const empty = newBook('zone03', undefined);

/** A request of the second `at`. */
const request = (name: string, at = 0, more: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  ...{ operation: `${name}.1`, workflowId: name, firstRunId: `run-${name}`, type: 'NodeJoin' },
  ...{ zone: 'zone03', conflicts: 'zone', wait: true },
  askedAt: `2026-01-01T12:00:0${at}.000Z`,
  ...more,
});
const held = (...requests: AdmissionRequest[]): LeaseBook => admit(empty, requests, AT).book;
const numbers = ({ leases }: LeaseBook) => leases.map(({ number }) => number);
const none: ReadonlySet<string> = new Set();

describe('admission', () => {
  test('of several the one who asked first comes in, the others stand in line in their order', () => {
    const { admitted, line } = admit(empty, [request('c', 3), request('a', 1), request('b', 2)], AT);
    assert.deepEqual([...admitted.keys()], ['a.1']);
    assert.deepEqual(
      line.map((one) => [one.request.operation, one.behind.holders[0]?.operation, one.ahead]),
      [
        ['b.1', 'a.1', 0],
        ['c.1', 'a.1', 1],
      ],
    );
  });

  test('who holds the zone keeps his lease when he asks again', () => {
    const book = held(request('a'));
    const again = admit(book, [request('a'), request('b', 1)], 'later');
    assert.deepEqual(again.book, book);
    assert.equal(again.admitted.get('a.1')?.since, AT);
    assert.deepEqual([...again.admitted.keys()], ['a.1']);
  });

  test('a later run of the same workflow id is somebody else', () => {
    const { admitted } = admit(held(request('a')), [request('a', 1, { operation: 'a.2' })], AT);
    assert.equal(admitted.size, 0);
  });

  test('what conflicts with nobody comes in beside a holder', () => {
    const { admitted, book } = admit(held(request('a')), [request('b', 1, { conflicts: 'none' })], AT);
    assert.deepEqual([[...admitted.keys()], numbers(book)], [['b.1'], [1, 2]]);
  });

  test('a child works under the lease of its parent, which lasts as long as either', () => {
    const book = held(request('parent'));
    const { admitted, book: joined } = admit(book, [request('child', 1, { under: 'parent' })], AT);
    assert.deepEqual([admitted.get('child.1')?.number, numbers(joined)], [1, [1]]);
    const orphan = without(joined, new Set(['parent.1']), none);
    assert.deepEqual(numbers(orphan), [1]);
    assert.equal(admit(orphan, [request('next', 2)], AT).admitted.size, 0);
    assert.deepEqual(numbers(without(orphan, new Set(['child.1']), none)), []);
  });

  test('a child whose parent holds nothing stands in line like anybody', () => {
    const { admitted } = admit(held(request('other')), [request('child', 1, { under: 'parent' })], AT);
    assert.equal(admitted.size, 0);
  });
});

describe('numbers of leases', () => {
  test('rise with each one, also when the book was empty in between', () => {
    const first = held(request('a'));
    const second = admit(without(first, new Set(['a.1']), none), [request('b')], AT);
    assert.deepEqual([numbers(first), numbers(second.book)], [[1], [2]]);
  });

  test('go on above the fence when the book is lost', () => {
    const fence = { zone: 'zone03', epoch: 2, number: 41, operation: 'x' };
    const { book } = admit(newBook('zone03', fence), [request('a')], AT);
    assert.deepEqual(highestFence(book), { zone: 'zone03', epoch: 2, number: 42, operation: 'a.1' });
    assert.equal(book.leases[0]?.afterLoss, true, 'nobody knows who was at work');
  });

  test('a fence that was raised past the book ends its leases', () => {
    const book = caughtUp(held(request('a')), { zone: 'zone03', epoch: 2, number: 0, operation: '' });
    assert.deepEqual([book.leases, book.epoch, book.lossy], [[], 2, true]);
    const same = held(request('a'));
    assert.equal(caughtUp(same, { zone: 'zone03', epoch: 1, number: 1, operation: 'a.1' }), same);
  });
});

describe('the end of a lease', () => {
  const after = (book: LeaseBook) => admit(book, [request('b')], AT).book.leases[0]?.afterLoss;

  test('who releases leaves nothing behind', () => {
    assert.equal(after(without(held(request('a')), new Set(['a.1']), none)), false);
  });

  test('who has released and closed before anybody looked went with a word', () => {
    assert.equal(after(without(held(request('a')), new Set(['a.1']), new Set(['a.1']))), false);
  });

  test('who dies may have requests under way: the next one is told, the one after is not', () => {
    const book = without(held(request('a')), none, new Set(['a.1']));
    assert.equal(after(book), true);
    const next = admit(book, [request('b')], AT).book;
    assert.equal(
      admit(without(next, new Set(['b.1']), none), [request('c')], AT).book.leases[0]?.afterLoss,
      false,
    );
  });

  test('so may a child that died before its parent released', () => {
    const { book } = admit(held(request('parent')), [request('child', 1, { under: 'parent' })], AT);
    const left = without(book, none, new Set(['child.1']));
    assert.equal(after(without(left, new Set(['parent.1']), none)), true);
  });
});

test('an epoch counts more than a number', () => {
  const height = (epoch: number, number: number) => ({ epoch, number });
  assert.equal(isHigher(height(2, 0), height(1, 9)), true);
  assert.equal(isHigher(height(1, 9), height(2, 0)), false);
  assert.equal(isHigher(height(1, 2), height(1, 1)), true);
  assert.equal(isHigher(height(1, 1), height(1, 1)), false);
});
