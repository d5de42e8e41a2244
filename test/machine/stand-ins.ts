/** What a machine finds around it, on loopback: a real S3 server, and answers of metadata and STS. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { obtain } from '../../sandbox/toolchain/index.ts';

export const BUCKET = 'prod-zones';
/** versitygw's own. */
export const REGION = 'us-east-1';
export const CREDENTIALS = { accessKeyId: 'AKIAEXAMPLEEXAMPLE00', secretAccessKey: 'for-this-test-only' };

export interface TestStore extends AsyncDisposable {
  readonly endpoint: string;
  readonly client: S3Client;
  put(key: string, text: string): Promise<void>;
  get(key: string): Promise<string>;
}

/** versitygw on a folder of its own, with one bucket. */
export async function openTestStore(): Promise<TestStore> {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-s3-'));
  const port = await freePort();
  for (const name of ['data', 'versions']) mkdirSync(join(folder, name));
  const args = [
    '--port',
    `127.0.0.1:${port}`,
    'posix',
    '--versioning-dir',
    join(folder, 'versions'),
    join(folder, 'data'),
  ];
  const server = spawn(await obtain('versitygw'), args, {
    env: { ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
    stdio: 'ignore',
  });
  const ended = once(server, 'exit');
  await untilItListens(port);
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({ region: REGION, endpoint, forcePathStyle: true, credentials: CREDENTIALS });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  return {
    endpoint,
    client,
    async put(key, text) {
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: text }));
    },
    async get(key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      return (await Body?.transformToString()) ?? '';
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      server.kill();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

export interface StandIn extends AsyncDisposable {
  readonly url: string;
  /** Paths asked without a session token: IMDSv1 would have answered them. */
  readonly withoutToken: readonly string[];
}

const METADATA: Readonly<Record<string, string>> = {
  'instance-id': 'i-0123456789abcdef0',
  'instance-type': 'm6i.large',
  'local-ipv4': '172.16.0.70',
  'placement/availability-zone': 'us-east-1a',
  'placement/region': REGION,
  'iam/security-credentials/': 'zone-role',
  'iam/security-credentials/zone-role': JSON.stringify({
    Code: 'Success',
    Type: 'AWS-HMAC',
    AccessKeyId: CREDENTIALS.accessKeyId,
    SecretAccessKey: CREDENTIALS.secretAccessKey,
    // versitygw knows no sessions; the sandbox's front does.
    Token: '',
    Expiration: '2100-01-01T00:00:00Z',
  }),
};

/** Metadata as EC2 gives it with `HttpTokens=required`. */
export async function openMetadata(): Promise<StandIn> {
  const withoutToken: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (request.method === 'PUT' && path === '/latest/api/token') return response.end('the-token');
    if (request.headers['x-aws-ec2-metadata-token'] !== 'the-token') {
      withoutToken.push(path);
      return response.writeHead(401).end();
    }
    const found = METADATA[path.replace('/latest/meta-data/', '')];
    return found === undefined ? response.writeHead(404).end() : response.end(found);
  });
  return { ...(await listen(server)), withoutToken };
}

/** STS that knows the caller, as it knows an instance. */
export async function openSts(userId: string): Promise<StandIn> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/xml');
    response.end(
      `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
        `<UserId>${userId}</UserId><Account>123456789012</Account><Arn>arn:aws:sts::123456789012:x</Arn>` +
        `</GetCallerIdentityResult></GetCallerIdentityResponse>`,
    );
  });
  return { ...(await listen(server)), withoutToken: [] };
}

async function listen(server: Server): Promise<{ url: string } & AsyncDisposable> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  const { url, [Symbol.asyncDispose]: close } = await listen(probe);
  await close();
  return Number(new URL(url).port);
}

async function untilItListens(port: number): Promise<void> {
  for (let left = 100; ; left--) {
    const socket = connect(port, '127.0.0.1');
    const outcome = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (outcome) return;
    if (left === 0) throw new Error(`Nothing listens on port ${port}`);
    await sleep(50);
  }
}
