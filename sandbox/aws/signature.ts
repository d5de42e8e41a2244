/**
 * AWS Signature Version 4, both ways: the front recomputes what a client sent, and signs anew what it passes on.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

/** What a request says about its signature; from the Authorization header, or from the query of a presigned URL. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  readonly day: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20261121T135400Z`. */
  readonly time: string;
  /** Seconds that a presigned URL is good for. */
  readonly expires?: number;
  readonly token?: string;
}

export interface SignableRequest {
  readonly method: string;
  /** Path as on the wire. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly payloadHash: string;
}

export function readClaim(headers: IncomingHttpHeaders, query: URLSearchParams): SignatureClaim | undefined {
  const header = headers.authorization;
  if (header?.startsWith('AWS4-HMAC-SHA256') === true) {
    const part = (name: string): string => new RegExp(`${name}=([^,\\s]+)`).exec(header)?.[1] ?? '';
    const time = String(headers['x-amz-date'] ?? '');
    return claim(
      part('Credential'),
      part('SignedHeaders'),
      part('Signature'),
      time,
      headers['x-amz-security-token'],
    );
  }
  if (query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') return undefined;
  const get = (name: string): string => query.get(`X-Amz-${name}`) ?? '';
  const token = query.get('X-Amz-Security-Token') ?? undefined;
  const read = claim(get('Credential'), get('SignedHeaders'), get('Signature'), get('Date'), token);
  return read && { ...read, expires: Number(get('Expires')) };
}

function claim(
  credential: string,
  signedHeaders: string,
  signature: string,
  time: string,
  token: string | string[] | undefined,
): SignatureClaim | undefined {
  const [accessKeyId, day, region, service, end] = credential.split('/');
  if (!accessKeyId || !day || !region || !service || end !== 'aws4_request') return undefined;
  const headers = signedHeaders.split(';');
  const read = { accessKeyId, day, region, service, signedHeaders: headers, signature, time };
  return typeof token === 'string' ? { ...read, token } : read;
}

/** The signature that `secret` makes of this request, in hexadecimal. */
export function signatureOf(claim: SignatureClaim, request: SignableRequest, secret: string): string {
  const scope = `${claim.day}/${claim.region}/${claim.service}/aws4_request`;
  const canonical = canonicalRequest(claim, request);
  const text = ['AWS4-HMAC-SHA256', claim.time, scope, sha256(canonical)].join('\n');
  let key: Buffer = hmac(`AWS4${secret}`, claim.day);
  for (const part of [claim.region, claim.service, 'aws4_request']) key = hmac(key, part);
  return hmac(key, text).toString('hex');
}

export function signatureHolds(claim: SignatureClaim, request: SignableRequest, secret: string): boolean {
  const expected = Buffer.from(signatureOf(claim, request, secret));
  const actual = Buffer.from(claim.signature);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function canonicalRequest(claim: SignatureClaim, request: SignableRequest): string {
  const headers = claim.signedHeaders
    .map((name) => `${name}:${headerValue(request.headers[name])}\n`)
    .join('');
  return [
    request.method,
    canonicalPath(request.path, claim.service),
    canonicalQuery(request.query),
    headers,
    claim.signedHeaders.join(';'),
    request.payloadHash,
  ].join('\n');
}

const headerValue = (value: string | string[] | undefined): string =>
  (Array.isArray(value) ? value.join(',') : (value ?? '')).trim().replaceAll(/ +/g, ' ');

/** S3 signs the path encoded once, every other service encodes what is on the wire again. */
function canonicalPath(path: string, service: string): string {
  const segments = path.split('/');
  if (service === 's3')
    return segments.map((segment) => encode(decodeURIComponent(segment))).join('/') || '/';
  return segments.map((segment) => encode(segment)).join('/') || '/';
}

function canonicalQuery(query: URLSearchParams): string {
  const pairs = [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const);
  pairs.sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** `20261121T135400Z`. */
export const amzTime = (date: Date): string => date.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');

/** The instant of an `x-amz-date`, or NaN. */
export function instantOf(time: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
