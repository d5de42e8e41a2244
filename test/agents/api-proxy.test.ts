/**
 * The local proxy with the image's own HAProxy and the join's own configuration, in a network namespace: three slots,
 * servers with directors' certificates in some of them, and a firewall that makes one silent as a power cut does.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { createAuthority, newSerial } from '../../activities/pki/authority.ts';
import type { KeyPair } from '../../activities/pki/certificate.ts';
import { signCsr } from '../../activities/pki/sign-request.ts';
import { apiProxyConfig } from '../../agents/configs/api-proxy.ts';
import { ensureKey, signingRequest } from '../../agents/host/key-pairs.ts';
import { machineConfigSchema } from '../../domain/machine-config.ts';
import { certificateProfiles } from '../../domain/pki/profiles.ts';
import { unpackHaproxy } from './haproxy.ts';
import { DOMAIN, machineConfig, makeRoot, SERVICE_CIDR } from './machine-fixture.ts';

const SLOTS = ['172.16.0.70', '172.16.0.134', '172.16.0.198'];

if (process.env['ZONEWRIGHT_TEST_INSIDE'] === undefined) {
  test('the proxy finds directors and leaves dead ones', { timeout: 120_000 }, () => {
    const addresses = SLOTS.map((address) => `ip addr add ${address}/32 dev lo`).join(' && ');
    const inside = `ip link set lo up && ${addresses} && exec "$0" --test "$1"`;
    const { status, stdout } = spawnSync(
      'unshare',
      ['--net', 'sh', '-c', inside, process.execPath, import.meta.filename],
      {
        env: { ...process.env, ZONEWRIGHT_TEST_INSIDE: '1', NODE_TEST_CONTEXT: undefined },
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0, stdout);
    assert.match(stdout, /pass 5/);
  });
} else {
  insideNamespace();
}

function insideNamespace(): void {
  const config = machineConfig('worker', SLOTS[0]);
  const machine = makeRoot(config);
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-proxy-'));
  const directors = new Map<number, { server: Server; ready: boolean }>();
  let authority: KeyPair;
  let proxy: ChildProcess;

  /** A server with the API server's certificate of a slot, of another authority where one is given. */
  async function director(slot: number, by = authority, certificateSlot = slot): Promise<void> {
    const profile = certificateProfiles({
      domain: DOMAIN,
      role: 'director',
      slot: certificateSlot,
      instanceId: 'i-0123456789abcdef0',
      privateIp: SLOTS[slot] ?? '',
      serviceCidr: SERVICE_CIDR,
    }).find(({ id }) => id === 'apiserver');
    assert.ok(profile);
    const key = await ensureKey(machine.files, `/apiserver-${slot}-${newSerial()}`, 'root');
    const cert = signCsr({
      csrPem: signingRequest(key, 'apiserver'),
      profile,
      authority: by,
      notBefore: new Date(Date.now() - 60_000),
      serial: newSerial(),
    });
    const server = createServer({ key, cert }, ({ url }, response) => {
      response.statusCode = url === '/readyz' && directors.get(slot)?.ready === false ? 500 : 200;
      response.end(`director-${slot}`);
    });
    directors.set(slot, { server, ready: true });
    await new Promise<void>((resolve) => server.listen(6443, SLOTS[slot], resolve));
  }

  /** Who answers a new connection, as a kubelet would make it. */
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { ca: authority.certificatePem, agent: false as const, timeout: 10_000 };
      const asked = request('https://127.0.0.1:6443/api', options, (answer) => {
        let text = '';
        answer.on('data', (part: Buffer) => (text += part.toString()));
        answer.on('end', () => resolve(text));
      });
      asked.on('timeout', () => asked.destroy(new Error('silence')));
      asked.on('error', reject);
      asked.end();
    });
  const answers = async (): Promise<string[]> => {
    const all = await Promise.all(Array.from({ length: 8 }, () => ask().catch(() => 'nobody')));
    return [...new Set(all)].toSorted();
  };
  const until = async (...expected: string[]): Promise<void> => {
    for (let left = 60; ; left--) {
      const now = await answers();
      if (now.join() === expected.join()) return;
      assert.notEqual(left, 0, `${now.join()}, expected ${expected.join()}`);
      await sleep(250);
    }
  };
  const nft = (text: string): void => void execFileSync('nft', ['-f', '-'], { input: text });

  before(async () => {
    authority = await createAuthority({ commonName: 'kubernetes-ca', organization: DOMAIN }, 1);
    machine.files.write({ path: '/etc/kubernetes/pki/ca.crt', text: authority.certificatePem });
    const [loader, ...rest] = await unpackHaproxy(folder);
    const { text } = apiProxyConfig(machineConfigSchema.parse(config));
    const file = join(folder, 'api-proxy.cfg');
    writeFileSync(file, text.replace('ca-file /', `ca-file ${machine.root}/`));
    execFileSync(loader, [...rest, '-c', '-f', file]);
    proxy = spawn(loader, [...rest, '-db', '-f', file], { stdio: 'ignore' });
  });
  after(() => {
    proxy.kill('SIGKILL');
    for (const { server } of directors.values()) {
      server.closeAllConnections();
      server.close();
    }
    machine.remove();
    rmSync(folder, { recursive: true });
  });

  test('one director among three slots answers everything', async () => {
    await director(0);
    await until('director-0');
  });

  test('a second shares the work as soon as it is ready', async () => {
    await director(1);
    await until('director-0', 'director-1');
  });

  test('what is no director of this zone, or of another slot, is never asked', async () => {
    const stranger = await createAuthority({ commonName: 'kubernetes-ca', organization: DOMAIN }, 1);
    await director(2, stranger);
    await sleep(3_000);
    assert.deepEqual(await answers(), ['director-0', 'director-1']);
    const other = directors.get(2)?.server;
    other?.closeAllConnections();
    await new Promise((resolve) => other?.close(resolve));
    await director(2, authority, 1);
    await sleep(3_000);
    assert.deepEqual(await answers(), ['director-0', 'director-1']);
  });

  test('a power cut: connections to the dead are cut and new ones answered within five seconds', async (t) => {
    // One connection that is held open to each director, as watches are.
    const held = Array.from({ length: 4 }, () => {
      const socket = connect({ port: 6443, host: '127.0.0.1', ca: authority.certificatePem });
      socket.on('error', () => undefined);
      return socket;
    });
    await Promise.all(held.map((socket) => new Promise((resolve) => socket.once('secureConnect', resolve))));
    let cutAt = 0;
    for (const socket of held) socket.once('close', () => (cutAt = Date.now()));
    const start = Date.now();
    const silent = ['daddr', 'saddr'].map((side) => `ip ${side} ${SLOTS[0]} drop`).join('\n');
    nft(`table ip cut {\nchain in {\ntype filter hook input priority 0;\n${silent}\n}\n}`);
    let slowest = 0;
    let failed = 0;
    while (Date.now() - start < 6_000) {
      const asked = Date.now();
      const answer = await ask().catch(() => undefined);
      if (answer === undefined) failed += 1;
      slowest = Math.max(slowest, Date.now() - asked);
      await sleep(100);
    }
    t.diagnostic(
      `held connections cut after ${cutAt - start} ms; slowest request ${slowest} ms; failed ${failed}`,
    );
    assert.ok(cutAt > 0 && cutAt - start < 5_000, `cut after ${cutAt - start} ms`);
    // A connection that does not come about is tried with the next server, but for those that are under way in the
    // moment in which the dead one is given up.
    assert.ok(failed <= 2, `${failed} failed`);
    assert.ok(slowest < 3_000, `slowest ${slowest} ms`);
    assert.deepEqual(await answers(), ['director-1']);
    nft('delete table ip cut');
    await until('director-0', 'director-1');
    for (const socket of held) socket.destroy();
  });

  test('a director that says it is not ready is left, and comes back', async () => {
    const first = directors.get(0);
    assert.ok(first);
    first.ready = false;
    await until('director-1');
    first.ready = true;
    await until('director-0', 'director-1');
  });
}
