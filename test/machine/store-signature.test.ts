/** The signatures of the machines' own S3 client are those of the SDK, session token included. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { STORE_PY } from '../../machine/python/store.ts';

const SESSION = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'for-this-test-only',
  sessionToken: 'session/token+==',
};

/** Runs Python with a server that is metadata service and store at once; returns what the store was asked. */
async function ask(program: string): Promise<{ request: IncomingMessage; body: string; host: string }> {
  let seen: { request: IncomingMessage; body: string; host: string } | undefined;
  const server = createServer((request, response) => void answer(request).then((text) => response.end(text)));
  const answer = async (request: IncomingMessage): Promise<string> => {
    const path = request.url ?? '';
    if (path.endsWith('/token')) return 'token';
    if (path.endsWith('/security-credentials/')) return 'role';
    if (path.endsWith('/security-credentials/role')) {
      const { accessKeyId, secretAccessKey, sessionToken } = SESSION;
      return JSON.stringify({
        AccessKeyId: accessKeyId,
        SecretAccessKey: secretAccessKey,
        Token: sessionToken,
      });
    }
    let body = '';
    for await (const chunk of request) body += String(chunk);
    seen = { request, body, host: request.headers.host ?? '' };
    return '';
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const python = spawn('python3', ['-c', `${STORE_PY}\n${program}`], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: process.env['PATH'], AWS_ENDPOINT_URL: url, AWS_EC2_METADATA_SERVICE_ENDPOINT: url },
  });
  const [code] = await once(python, 'exit');
  server.closeAllConnections();
  server.close();
  assert.equal(code, 0);
  assert.ok(seen);
  return seen;
}

async function sdkSignature(
  method: string,
  path: string,
  body: string,
  host: string,
  date: string,
): Promise<string> {
  const signer = new SignatureV4({
    service: 's3',
    region: 'eu-west-1',
    credentials: SESSION,
    sha256: Sha256,
    uriEscapePath: false,
  });
  const time = date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const { headers } = await signer.sign(
    { method, protocol: 'http:', hostname: host, path, headers: { host }, body, query: {} },
    { signingDate: new Date(time) },
  );
  return headers['authorization'] ?? '';
}

const cases = [
  ['GET', 's.request("GET", "bakes/AROA:i-1/a b+c.json")', '/bucket/bakes/AROA%3Ai-1/a%20b%2Bc.json', ''],
  ['PUT', 's.put("x/log", "grüße".encode())', '/bucket/x/log', 'grüße'],
] as const;

for (const [method, call, path, body] of cases) {
  test(`${method} ${path} is signed as the SDK signs it`, async () => {
    const { request, host, body: sent } = await ask(`s = Store("bucket", "eu-west-1")\n${call}`);
    assert.deepEqual([request.method, request.url, sent], [method, path, body]);
    assert.equal(request.headers['x-amz-security-token'], SESSION.sessionToken);
    const date = String(request.headers['x-amz-date']);
    assert.equal(request.headers['authorization'], await sdkSignature(method, path, body, host, date));
  });
}
