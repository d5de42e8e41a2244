import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { dnsChecks } from '../../activities/checks/dns.ts';
import { decodeMessage, encodeQuery } from '../../activities/checks/dns-message.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { inActivity, untilSettled } from './run-effect.ts';

const SERVERS = ['ns-1.zonewright.test', 'ns-2.zonewright.test'];

/** The parent's zone: it delegates zone03, has an apex of its own, and long texts that need a stream. */
const zoneFile = (delegation: readonly string[]): string =>
  [
    '$ORIGIN prod.example.com.',
    '@ 60 IN SOA ns1 admin 1 60 60 60 60',
    '@ 60 IN NS ns1',
    'ns1 60 IN A 127.0.0.1',
    'border 60 IN A 192.0.2.2',
    'border 60 IN A 192.0.2.1',
    'note 60 IN TXT "hello"',
    ...Array.from({ length: 40 }, (_, n) => `long 60 IN TXT "${'x'.repeat(60)}${n}"`),
    ...delegation.map((server) => `zone03 60 IN NS ${server}.`),
    '',
  ].join('\n');

suite('DNS checks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-dns-'));
  let server: ChildProcess | undefined;
  let port: number;

  const serve = async (delegation: readonly string[]) => {
    await stop(server);
    writeFileSync(join(folder, 'zone'), zoneFile(delegation));
    const corefile = `prod.example.com:${port} {\n  bind 127.0.0.1\n  file ${join(folder, 'zone')}\n}\n`;
    writeFileSync(join(folder, 'Corefile'), corefile);
    server = spawn(await obtain('coredns'), ['-conf', join(folder, 'Corefile')], { stdio: 'ignore' });
    await answering(port);
  };
  before(async () => {
    port = await freeDatagramPort();
  });
  after(async () => {
    await stop(server);
    rmSync(folder, { recursive: true, force: true });
  });

  const checks = () => dnsChecks({ dns: { resolvers: [`127.0.0.1:${port}`], port }, pollMs: 10 });
  const delegated = (nameServers: readonly string[]) =>
    inActivity(() => checks()['dns.delegated']({ domain: 'zone03.prod.example.com', nameServers }));

  test('a delegation is what the parent itself refers to, in whatever order', async () => {
    await serve(SERVERS);
    assert.deepEqual(await delegated([...SERVERS.toReversed()].map((name) => `${name.toUpperCase()}.`)), {
      parent: 'prod.example.com',
      nameServers: SERVERS,
    });
  });

  test('a missing or wrong delegation is waited for with the records to add', async () => {
    await serve([]);
    await assert.rejects(delegated(SERVERS), (error: Error & { type?: string; nextRetryDelay?: number }) => {
      assert.equal(error.type, 'NotYet');
      assert.ok((error.nextRetryDelay ?? 0) >= 10_000);
      assert.match(error.message, /"prod.example.com" does not delegate "zone03.prod.example.com" yet/);
      for (const name of SERVERS)
        assert.ok(error.message.includes(`zone03.prod.example.com. 3600 IN NS ${name}.`));
      return true;
    });
    await serve([SERVERS[0] ?? '', 'ns.elsewhere.test']);
    await assert.rejects(delegated(SERVERS), /it names ns-1.zonewright.test, ns.elsewhere.test/);
  });

  test('names are compared as sets, at a resolver or at name servers, answers of any length', async () => {
    await serve(SERVERS);
    const resolves = (name: string, type: 'A' | 'TXT', values: string[], nameServers?: string[]) =>
      inActivity(() =>
        checks()['dns.resolves']({ name, type, values, ...(nameServers ? { nameServers } : {}) }),
      );
    const border = 'border.prod.example.com';
    const addresses = ['192.0.2.1', '192.0.2.2'];
    assert.deepEqual(await resolves(border, 'A', addresses.toReversed()), { values: addresses });
    assert.deepEqual(await resolves(border, 'A', addresses, ['ns1.prod.example.com']), { values: addresses });
    assert.deepEqual(await resolves('note.prod.example.com', 'TXT', ['hello']), { values: ['hello'] });
    const long = Array.from({ length: 40 }, (_, n) => `${'x'.repeat(60)}${n}`);
    assert.equal((await resolves('long.prod.example.com', 'TXT', long)).values.length, 40);
    await assert.rejects(resolves(border, 'A', ['192.0.2.9']), { type: 'NotYet' });
    await assert.rejects(resolves('nobody.prod.example.com', 'A', addresses), /it is unknown/);
  });

  test('a server that does not answer can be tried again', async () => {
    await stop(server);
    await assert.rejects(delegated(SERVERS), { type: 'CloudUnavailable' });
  });

  test('messages that lie about themselves are refused', () => {
    const query = encodeQuery(7, 'a.example', 'A', true);
    assert.equal(decodeMessage(query).id, 7);
    const looping = Buffer.concat([query.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
    assert.throws(() => decodeMessage(looping), /a name points ahead/);
    assert.throws(() => decodeMessage(query.subarray(0, 20)), RangeError);
    assert.throws(() => encodeQuery(1, 'a..b', 'A', true), /labels of 1 to 63/);
  });
});

async function stop(server: ChildProcess | undefined): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  server.kill();
  await once(server, 'exit');
}

async function freeDatagramPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Until the server knows its own zone. */
const answering = (port: number) =>
  untilSettled(() =>
    inActivity(() =>
      dnsChecks({ dns: { resolvers: [`127.0.0.1:${port}`], port }, pollMs: 10 })['dns.resolves']({
        name: 'ns1.prod.example.com',
        type: 'A',
        values: ['127.0.0.1'],
      }),
    ),
  );
