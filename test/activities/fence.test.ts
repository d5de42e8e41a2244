import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { fenceReader, raiseFence } from '../../activities/cloud/fences.ts';
import { readBook, writeBook } from '../../activities/cloud/lease-books.ts';
import { deleteVersion, readObject } from '../../activities/cloud/objects.ts';
import { storeDocumentEffect } from '../../activities/store-document.ts';
import { fenceKey, type Fence } from '../../domain/keeper/fence.ts';
import { admit } from '../../domain/keeper/leases.ts';
import { startCloud, type Cloud } from './emulator.ts';
import { effectRunner, SETTINGS, someOwner } from './run-effect.ts';

const signal = new AbortController().signal;
const fenceOf = (zone: string, number: number, epoch = 1): Fence => ({
  ...{ zone, epoch, number },
  operation: `operation-${number}`,
});

suite('fences', () => {
  let cloud: Cloud;
  let bucket: string;
  before(async () => {
    cloud = await startCloud();
    bucket = await cloud.bucket('fences');
  });
  after(() => cloud.stop());

  const raise = (zone: string, number: number, epoch?: number) =>
    raiseFence(cloud.clients.s3, bucket, fenceOf(zone, number, epoch), signal);
  const read = (zone: string) => fenceReader(cloud.clients.s3, bucket)(zone, signal);
  const documents = () => {
    const effect = storeDocumentEffect(cloud.clients, { bucket });
    const readFence = fenceReader(cloud.clients.s3, bucket);
    return effectRunner('store-document', effect, { ...SETTINGS, readFence });
  };
  const inputOf = (zone: string, number: number) => ({
    owner: someOwner('document'),
    plan: { bucket, key: `zones/${zone}/document.json`, content: { zone } },
    fence: fenceOf(zone, number),
  });
  const isFenced = (error: Error & { type?: string; nonRetryable?: boolean }) => {
    assert.deepEqual([error.type, error.nonRetryable], ['Fenced', true], error.message);
    return true;
  };

  test('of twenty that raise it at the same time the highest stays, whoever comes when', async () => {
    const numbers = Array.from({ length: 20 }, (_, n) => n + 1).toSorted(
      (a, b) => ((a * 7) % 20) - ((b * 7) % 20),
    );
    const ended = await Promise.allSettled(numbers.map((number) => raise('race', number)));
    assert.equal((await read('race'))?.number, 20);
    for (const [n, { status }] of ended.entries())
      if (status === 'rejected') assert.notEqual(numbers[n], 20, 'the highest is never refused');
    await assert.rejects(raise('race', 19), /"operation-20" has 20/);
    await raise('race', 20);
    await raise('race', 1, 2);
    await assert.rejects(raise('race', 21), /Cannot raise/);
  });

  test('an effect goes on under its own fence, and is refused under a higher one', async () => {
    await raise('zone1', 3);
    const input = inputOf('zone1', 3);
    const ref = await documents().create(input);
    await raise('zone1', 4);
    await assert.rejects(documents().delete(input), (error: Error) => {
      assert.match(
        error.message,
        /^Cannot delete document .*: "operation-3" has lost its lease on zone "zone1" \(fence 3\); "operation-4" holds it/,
      );
      return isFenced(error);
    });
    assert.equal((await documents().describe(input)).length, 1, 'it is still there');
    await assert.rejects(
      documents().create({ ...inputOf('zone1', 3), plan: { ...input.plan, key: 'zones/zone1/b.json' } }),
      isFenced,
    );
    assert.equal(
      await readObject(cloud.clients.s3, { bucket, key: 'zones/zone1/b.json' }, signal),
      undefined,
    );
    await documents().delete({ ...input, fence: fenceOf('zone1', 4) });
    assert.deepEqual(await documents().describe({ ...input, known: ref }), []);
  });

  test('an undo of what is not there needs no leave', async () => {
    await raise('zone2', 9);
    await documents().delete(inputOf('zone2', 3));
  });

  test('without its fence a zone is closed, and so is a worker that cannot read it', async () => {
    await assert.rejects(documents().create(inputOf('zone3', 1)), (error: Error) => {
      assert.match(error.message, /its fence is gone/);
      return isFenced(error);
    });
    const blind = effectRunner('store-document', storeDocumentEffect(cloud.clients, { bucket }));
    await assert.rejects(blind.create(inputOf('zone3', 1)), /this worker cannot read fences/);
  });

  test('an effect that works on no zone carries none', async () => {
    const { fence: _none, ...input } = inputOf('zone4', 1);
    await documents().create(input);
  });

  test('of two who write the book of leases one is told to look again', async () => {
    const first = await readBook(cloud.clients.s3, bucket, 'zone5', signal);
    const request = (workflowId: string) => ({
      ...{ operation: `${workflowId}.1`, workflowId, firstRunId: 'run', type: 'NodeJoin', zone: 'zone5' },
      ...{ conflicts: 'zone' as const, askedAt: '2026-01-01T12:00:00.000Z', wait: true },
    });
    const write = (workflowId: string) =>
      writeBook(
        cloud.clients.s3,
        bucket,
        admit(first.book, [request(workflowId)], 'now').book,
        first.etag,
        signal,
      );
    const ended = await Promise.allSettled(['a', 'b', 'c', 'd'].map(write));
    assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 1);
    const { book } = await readBook(cloud.clients.s3, bucket, 'zone5', signal);
    assert.equal(book.leases.length, 1);
  });

  test('a book that is lost goes on above the fence', async () => {
    await raise('zone6', 12);
    const { book } = await readBook(cloud.clients.s3, bucket, 'zone6', signal);
    assert.deepEqual([book.last, book.lossy], [12, true]);
    const object = await readObject(cloud.clients.s3, { bucket, key: fenceKey('zone6') }, signal);
    await deleteVersion(
      cloud.clients.s3,
      { bucket, key: fenceKey('zone6') },
      object?.versionId ?? '',
      signal,
    );
    assert.equal((await readBook(cloud.clients.s3, bucket, 'zone6', signal)).book.last, 0);
  });
});
