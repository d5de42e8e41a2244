import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Clients } from '../../activities/cloud/clients.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';

export interface Cloud {
  readonly clients: Clients;
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Clients of the front when `ZONEWRIGHT_TEST_AWS` names its URL, else of an AWS emulator of the caller's own.
 * The emulator alone is wrong about client tokens and repeated names; tests of those ask `hasTokens`.
 */
export async function startCloud(): Promise<Cloud> {
  const front = process.env['ZONEWRIGHT_TEST_AWS'];
  if (front !== undefined) return { ...cloudAt(front), stop: async () => {} };
  const port = await freePort();
  const server = spawn(await obtain('moto'), ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  await untilAnswers(endpoint);
  return {
    ...cloudAt(endpoint),
    stop: () =>
      new Promise((resolve) => {
        server.once('exit', () => resolve());
        server.kill();
      }),
  };
}

/** True where client tokens are kept, as AWS does. */
export const hasTokens = process.env['ZONEWRIGHT_TEST_AWS'] !== undefined;

function cloudAt(endpoint: string): Pick<Cloud, 'clients' | 'endpoint'> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return {
    endpoint,
    clients: connect({ region: 'eu-west-1', endpoint, credentials, requestTimeoutMs: 20_000 }),
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export async function untilAnswers(url: string, seconds = 60): Promise<void> {
  for (let tries = 0; tries < seconds * 5; tries++) {
    try {
      await fetch(url);
      return;
    } catch {
      await sleep(200);
    }
  }
  throw new Error(`Cannot reach "${url}" within ${seconds} s`);
}
