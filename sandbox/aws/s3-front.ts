/** S3 as clients see it: confined to what the caller may do, streamed through to the S3 server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Access } from './access.ts';
import { AwsError } from './call.ts';
import type { Faults } from './faults.ts';
import type { Identities, Identity } from './identity.ts';
import { readAll } from './passage.ts';
import type { Passage } from './passage.ts';
import { errorCodeOf } from './refusal.ts';
import { deletions, listContext, s3Operation } from './s3-operations.ts';
import type { S3Operation } from './s3-operations.ts';
import type { S3Server } from './s3-server.ts';
import { settingOf } from './s3-settings.ts';
import type { BucketSettings } from './s3-settings.ts';
import { UNSIGNED_PAYLOAD } from './signature.ts';
import type { SignatureClaim } from './signature.ts';
import { strike } from './striking.ts';

interface KeptAnswer {
  readonly status: number;
  readonly body: string;
}

export interface S3Parts {
  readonly identities: Identities;
  readonly access: Access;
  readonly faults: Faults;
  readonly server: S3Server;
  readonly settings: BucketSettings;
}

/** Answers one request to S3; fills in the passage for the log. */
export async function answerS3(
  parts: S3Parts,
  passage: Passage,
  claim: SignatureClaim,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { path, query } = passage;
  const method = request.method ?? 'GET';
  const operation = s3Operation(method, path, query, request.headers);
  passage.action = operation.name;
  const identity = verify(parts.identities, passage, claim, request);
  passage.identity = identity;
  const effects = parts.faults.strike('s3', operation.name, (name) =>
    name === 'bucket' ? operation.bucket : name === 'key' ? operation.key : (query.get(name) ?? undefined),
  );
  passage.fault = effects[0]?.kind;
  let body: IncomingMessage | Buffer = request;
  if (operation.name === 'DeleteObjects') body = await readAll(request);
  const needs = Buffer.isBuffer(body) ? deletions(operation, body) : operation.needs;
  await parts.access.require('s3', identity, needs, listContext(query));
  const answer = await strike({
    service: 's3',
    effects,
    socket: request.socket,
    detach: async () => void (body = Buffer.isBuffer(body) ? body : await readAll(request)),
    work: async () => {
      const setting = settingOf(operation.key, query);
      if (setting !== undefined)
        return keptSetting(parts, operation, method, setting, await readAll(request));
      return parts.server.send({ method, path, query, headers: request.headers, body });
    },
    discard: async (discarded) => {
      if ('body' in discarded) return;
      discarded.resume();
      await new Promise((resolve) => discarded.once('close', resolve));
    },
  });
  await reply(parts, passage, operation, answer, response);
}

/** What a setting that is kept here, or the S3 server, answers. */
async function reply(
  parts: S3Parts,
  passage: Passage,
  operation: S3Operation,
  answer: KeptAnswer | IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if ('body' in answer) {
    passage.status = answer.status;
    response
      .writeHead(answer.status, answer.body === '' ? {} : { 'content-type': 'application/xml' })
      .end(answer.body);
    return;
  }
  if (operation.name === 'DeleteBucket' && answer.statusCode === 204) parts.settings.forget(operation.bucket);
  await refuseUnlisted(parts.access, passage.identity, operation, answer);
  passage.status = answer.statusCode ?? 502;
  response.writeHead(passage.status, responseHeaders(answer, passage.id));
  if (passage.status < 400) return pipeline(answer, response);
  const refusal = await readAll(answer);
  const code = errorCodeOf(refusal.toString());
  if (code !== undefined) passage.code = code;
  response.end(refusal);
}

function verify(
  identities: Identities,
  passage: Passage,
  claim: SignatureClaim,
  request: IncomingMessage,
): Identity {
  const payloadHash = String(request.headers['x-amz-content-sha256'] ?? UNSIGNED_PAYLOAD);
  const identity = identities.verify(claim, {
    method: request.method ?? 'GET',
    path: passage.path,
    query: passage.query,
    headers: request.headers,
    payloadHash: claim.expires === undefined ? payloadHash : UNSIGNED_PAYLOAD,
  });
  if (payloadHash.startsWith('STREAMING-AWS4-')) {
    // Their chunks are signed one after the other with the caller's key, so that no proxy can sign anew.
    throw new AwsError(
      'NotImplemented',
      `Chunk signatures ("${payloadHash}") are not supported in the sandbox`,
      501,
    );
  }
  return identity;
}

async function keptSetting(
  parts: S3Parts,
  { bucket }: S3Operation,
  method: string,
  setting: string,
  body: Buffer,
): Promise<KeptAnswer> {
  const head = await parts.server.ask({
    method: 'HEAD',
    path: `/${bucket}`,
    query: new URLSearchParams(),
    headers: {},
  });
  if (head.status === 404) throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
  return parts.settings.answer(method, bucket, setting, body.toString());
}

/** Whoever may not list a bucket is not told which objects are missing: 403 instead of 404. */
async function refuseUnlisted(
  access: Access,
  identity: Identity | undefined,
  operation: S3Operation,
  answer: IncomingMessage,
): Promise<void> {
  if (
    identity === undefined ||
    identity.kind === 'admin' ||
    answer.statusCode !== 404 ||
    operation.key === ''
  )
    return;
  const need = { action: 's3:ListBucket', resource: `arn:aws:s3:::${operation.bucket}` };
  if ((await access.verdict(identity, need, { 's3:prefix': operation.key })) === 'allowed') return;
  answer.resume();
  throw new AwsError('AccessDenied', 'Access Denied', 403);
}

function responseHeaders(answer: IncomingMessage, id: string): Record<string, string> {
  const headers: Record<string, string> = { 'x-amz-request-id': id };
  for (const [name, value] of Object.entries(answer.headers)) {
    if (name === 'connection' || name === 'keep-alive' || name === 'transfer-encoding' || value === undefined)
      continue;
    if (name !== 'x-amz-request-id') headers[name] = String(value);
  }
  return headers;
}
