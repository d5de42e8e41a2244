import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLoad, type LoadReport } from '../../sandbox/load/load.ts';

suite('load', () => {
  let server: Server;
  let asked = 0;
  const connections = new Set<number>();

  before(async () => {
    server = createServer((request, answer) => {
      asked += 1;
      connections.add(request.socket.remotePort ?? 0);
      if (request.url === '/lossy' && asked % 10 === 0) return void request.socket.destroy();
      if (request.url === '/late') return;
      answer.statusCode = request.url === '/busy' ? 503 : 200;
      answer.end(`web v1 ${request.headers.host}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  async function loaded(path: string, keepAlive: boolean, timeoutMs = 2_000): Promise<LoadReport> {
    asked = 0;
    connections.clear();
    const { port } = server.address() as AddressInfo;
    const target = { url: `http://127.0.0.1:${port}${path}`, host: 'web.test' };
    const load = startLoad({ ...target, rate: 200, keepAlive, timeoutMs });
    await sleep(500);
    return load.stop();
  }

  for (const keepAlive of [true, false]) {
    test(`each request counts once, ${keepAlive ? 'with' : 'without'} keep-alive`, async () => {
      const report = await loaded('/', keepAlive);
      assert.ok(report.sent >= 80 && report.sent <= 110, `${report.sent} requests in half a second`);
      assert.deepEqual([report.succeeded, report.failed], [report.sent, 0]);
      assert.deepEqual(report.answers, { 'web v1 web.test': report.sent });
      assert.equal(asked, report.sent);
      assert.equal(connections.size < asked, keepAlive, 'connections are used again only with keep-alive');
    });

    test(`a lost request is not tried again, ${keepAlive ? 'with' : 'without'} keep-alive`, async () => {
      const report = await loaded('/lossy', keepAlive);
      assert.equal(asked, report.sent);
      assert.equal(report.failed, Math.floor(report.sent / 10));
      assert.deepEqual(report.errors, { ECONNRESET: report.failed });
    });
  }

  test('other answers than 200 and none at all are failures', async () => {
    const busy = await loaded('/busy', true);
    assert.deepEqual(busy.errors, { 'status 503': busy.sent });
    const late = await loaded('/late', true, 100);
    assert.deepEqual(late.errors, { 'no answer in time': late.sent });
  });
});
