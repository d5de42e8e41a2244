/** The S3 server behind the front: requests are signed anew with its own key and streamed through. */
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { amzTime, sha256, signatureOf, UNSIGNED_PAYLOAD } from './signature.ts';

export interface S3Request {
  readonly method: string;
  /** As on the wire. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body?: Readable | Buffer;
}

/** Said anew, or about one connection only. */
const DROPPED = new Set([
  ...['host', 'connection', 'authorization', 'expect', 'keep-alive', 'proxy-authorization', 'te'],
  ...['x-amz-date', 'x-amz-security-token', 'date', 'accept-encoding', 'user-agent', 'amz-sdk-invocation-id'],
  ...['amz-sdk-request', 'x-amz-user-agent'],
]);

const PRESIGNING = /^X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Security-Token)$/;

export class S3Server {
  readonly #url: URL;
  readonly #accessKeyId: string;
  readonly #secret: string;
  readonly #region: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(url: string, accessKeyId: string, secret: string, region: string) {
    this.#url = new URL(url);
    this.#accessKeyId = accessKeyId;
    this.#secret = secret;
    this.#region = region;
  }

  /** Sends it on; the answer's body is still to be read. */
  async send(incoming: S3Request): Promise<IncomingMessage> {
    const { query, headers } = this.#signed(incoming);
    const search = [...query].map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
    const outgoing = request({
      agent: this.#agent,
      host: this.#url.hostname,
      port: this.#url.port,
      method: incoming.method,
      path: search === '' ? incoming.path : `${incoming.path}?${search}`,
      headers,
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
    });
    if (incoming.body === undefined || Buffer.isBuffer(incoming.body)) outgoing.end(incoming.body);
    // The server may answer before it has read everything; that answer counts, and not the broken pipe.
    else pipeline(incoming.body, outgoing).catch((error: Error) => outgoing.destroy(error));
    return answer;
  }

  /** Sends it on and reads the whole answer. */
  async ask(incoming: S3Request): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
    const answer = await this.send(incoming);
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return { status: answer.statusCode ?? 502, headers: answer.headers, body: Buffer.concat(chunks) };
  }

  close(): void {
    this.#agent.destroy();
  }

  #signed(incoming: S3Request): { query: URLSearchParams; headers: Record<string, string> } {
    const { query, headers } = withoutPresigning(incoming);
    headers['host'] = this.#url.host;
    headers['x-amz-date'] = amzTime(new Date());
    const payloadHash = headers['x-amz-content-sha256'] ?? bodyHash(incoming.body);
    headers['x-amz-content-sha256'] = payloadHash;
    const signedHeaders = Object.keys(headers)
      .filter((name) => name === 'host' || name === 'content-md5' || name.startsWith('x-amz-'))
      .sort();
    const time = headers['x-amz-date'];
    const scope = {
      accessKeyId: this.#accessKeyId,
      day: time.slice(0, 8),
      region: this.#region,
      service: 's3',
    };
    const claim = { ...scope, signedHeaders, time, signature: '' };
    const { method, path } = incoming;
    const signature = signatureOf(claim, { method, path, query, headers, payloadHash }, this.#secret);
    const credential = `${scope.accessKeyId}/${scope.day}/${scope.region}/s3/aws4_request`;
    const parts = [
      `Credential=${credential}`,
      `SignedHeaders=${signedHeaders.join(';')}`,
      `Signature=${signature}`,
    ];
    headers['authorization'] = `AWS4-HMAC-SHA256 ${parts.join(', ')}`;
    return { query, headers };
  }
}

/** A presigned URL carries some headers in its query; the S3 server gets them as headers. */
function withoutPresigning({ query, headers }: S3Request): {
  query: URLSearchParams;
  headers: Record<string, string>;
} {
  const presigned = query.has('X-Amz-Signature');
  const keptQuery = new URLSearchParams();
  const keptHeaders: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!DROPPED.has(name) && value !== undefined) keptHeaders[name] = String(value);
  }
  for (const [name, value] of query) {
    if (presigned && PRESIGNING.test(name)) continue;
    if (presigned && /^x-amz-/i.test(name)) keptHeaders[name.toLowerCase()] = value;
    else keptQuery.append(name, value);
  }
  return { query: keptQuery, headers: keptHeaders };
}

const bodyHash = (body: Readable | Buffer | undefined): string =>
  Buffer.isBuffer(body) ? sha256(body) : body === undefined ? sha256('') : UNSIGNED_PAYLOAD;

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
