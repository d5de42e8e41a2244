import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketEncryptionCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { clientSettings, refusal, startFront } from './aws-front.ts';
import type { TestFront } from './aws-front.ts';

let front: TestFront;
const Bucket = 'zone-store';
before(async () => {
  front = await startFront();
  await front.s3.send(new CreateBucketCommand({ Bucket }));
  await front.s3.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
});
after(() => front[Symbol.asyncDispose]());

test('an object with odd characters in its key comes back as it was put, with its version', async () => {
  const Key = "zones/zone 03/a+b=c&d'(é)*.json";
  const { VersionId } = await front.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'hello' }));
  assert.ok(VersionId);
  const got = await front.s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  assert.equal(await got.Body?.transformToString(), 'hello');
});

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
test('a write that must not overwrite is refused the second time', async () => {
  const write = () =>
    front.s3.send(new PutObjectCommand({ Bucket, Key: 'once', Body: '1', IfNoneMatch: '*' }));
  await write();
  assert.equal(await refusal(write()), 'PreconditionFailed');
});

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
test('a body that does not match its SHA-256 is refused', async () => {
  const ChecksumSHA256 = createHash('sha256').update('other').digest('base64');
  const put = front.s3.send(new PutObjectCommand({ Bucket, Key: 'sum', Body: 'this', ChecksumSHA256 }));
  assert.match(await refusal(put), /BadDigest|InvalidRequest|XAmzContentSHA256Mismatch/);
});

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
test('a stream of unknown content with a checksum in its trailer, and one in parts, arrive whole', async () => {
  const data = randomBytes(11 * 1024 * 1024);
  const put = new PutObjectCommand({
    Bucket,
    Key: 'trailer',
    Body: Readable.from([data.subarray(0, 70_000)]),
    ContentLength: 70_000,
    ChecksumAlgorithm: 'SHA256',
  });
  await front.s3.send(put);
  const head = await front.s3.send(
    new HeadObjectCommand({ Bucket, Key: 'trailer', ChecksumMode: 'ENABLED' }),
  );
  assert.equal(head.ChecksumSHA256, createHash('sha256').update(data.subarray(0, 70_000)).digest('base64'));
  await new Upload({
    client: front.s3,
    params: { Bucket, Key: 'parts', Body: Readable.from([data]) },
  }).done();
  const got = await front.s3.send(new GetObjectCommand({ Bucket, Key: 'parts' }));
  assert.deepEqual(Buffer.from((await got.Body?.transformToByteArray()) ?? []), data);
});

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
test('presigned URLs read and write until they expire', async () => {
  const Key = 'presigned file';
  const put = await presign('PUT', Key, 60);
  assert.equal((await fetch(put, { method: 'PUT', body: 'by url' })).status, 200);
  const get = await presign('GET', Key, 1);
  assert.equal(await (await fetch(get)).text(), 'by url');
  assert.equal((await fetch(get.replace('presigned', 'forged'))).status, 403);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const late = await fetch(get);
  assert.equal(late.status, 403);
  assert.match(await late.text(), /Request has expired/);
});

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
test('unknown keys and wrong secrets are told apart', async () => {
  const ask = (accessKeyId: string) =>
    new S3Client({
      ...clientSettings(front, { accessKeyId, secretAccessKey: 'wrong' }),
      forcePathStyle: true,
    }).send(new GetObjectCommand({ Bucket, Key: 'once' }));
  assert.equal(await refusal(ask('AKIAUNKNOWN')), 'InvalidAccessKeyId');
  assert.equal(await refusal(ask('AKIASANDBOXADMIN0000')), 'SignatureDoesNotMatch');
});

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
test('settings that the S3 server lacks are kept', async () => {
  const get = () => front.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  assert.equal(await refusal(get()), 'NoSuchLifecycleConfiguration');
  const rule = { ID: 'old', Status: 'Enabled', Filter: { Prefix: 'tmp/' }, Expiration: { Days: 7 } } as const;
  await front.s3.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [rule] } }),
  );
  assert.deepEqual((await get()).Rules, [rule]);
  const encryption = await front.s3.send(new GetBucketEncryptionCommand({ Bucket }));
  const [first] = encryption.ServerSideEncryptionConfiguration?.Rules ?? [];
  assert.equal(first?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm, 'AES256');
  await front.s3.send(new DeleteBucketEncryptionCommand({ Bucket }));
  assert.equal(
    await refusal(front.s3.send(new GetBucketEncryptionCommand({ Bucket: 'nowhere' }))),
    'NoSuchBucket',
  );
});

test('the log names each call with its operation, status and error, and no secret', async () => {
  await refusal(front.s3.send(new GetObjectCommand({ Bucket, Key: 'missing' })));
  const calls = (await front.get('calls')) as Array<Record<string, unknown>>;
  const last = calls.at(-1)!;
  assert.deepEqual([last['service'], last['action'], last['status']], ['s3', 'GetObject', 404]);
  assert.ok(Number(last['ms']) >= 0 && last['error'] === 'NoSuchKey');
  assert.equal(JSON.stringify(calls).includes('secret-of'), false);
});

async function presign(method: 'GET' | 'PUT', key: string, seconds: number): Promise<string> {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const { Sha256 } = await import('@aws-crypto/sha256-js');
  const { ADMIN } = await import('./aws-front.ts');
  const signer = new SignatureV4({
    credentials: ADMIN,
    region: 'us-east-1',
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false,
  });
  const url = new URL(front.url);
  const path = `/${Bucket}/${encodeURIComponent(key)}`;
  const signed = await signer.presign(
    {
      method,
      protocol: 'http:',
      hostname: url.hostname,
      port: Number(url.port),
      path,
      headers: { host: url.host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      query: {},
    },
    { expiresIn: seconds },
  );
  const query = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  return `${front.url}${path}?${query.join('&')}`;
}
